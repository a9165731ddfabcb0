//! The examples beside the description give the hashes that they say.

use serde::Deserialize;
use serde_json::Value;

use super::{header_hash, hex, row_leaf, signed_message, tree_leaf};
use crate::Row;
use crate::batch::{Hash, Header, HeaderKind};
use crate::merkle;

#[derive(Deserialize)]
struct Vectors {
    rows: Vec<RowVector>,
    batches: Vec<BatchVector>,
    headers: Vec<Value>,
    trees: Vec<TreeVector>,
}

#[derive(Deserialize)]
struct TreeVector {
    size: usize,
    root: String,
}

#[derive(Deserialize)]
struct RowVector {
    about: String,
    row: Value,
    leaf: String,
}

#[derive(Deserialize)]
struct BatchVector {
    rows: usize,
    rows_root: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../../docs/encoding-vectors.json")).expect("vectors")
}

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    assert_eq!(text.len(), 2 * N);
    std::array::from_fn(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).expect("hexadecimal"))
}

fn leaf(vector: &RowVector) -> Hash {
    let mut row: Row = serde_json::from_value(vector.row.clone()).expect("a row");
    row.salt = vector.row["salt"].as_str().map(bytes);
    row_leaf(&row).expect("it says neither too little nor too much")
}

#[test]
fn leaves_are_those_of_the_vectors() {
    for vector in vectors().rows {
        assert_eq!(leaf(&vector), bytes::<32>(&vector.leaf), "{}", vector.about);
    }
}

#[test]
fn roots_are_those_of_the_vectors() {
    let Vectors { rows, batches, .. } = vectors();
    for batch in batches {
        assert_eq!(
            merkle::root(rows[..batch.rows].iter().map(leaf)),
            bytes::<32>(&batch.rows_root),
            "{} rows",
            batch.rows
        );
    }
}

#[test]
fn headers_and_trees_are_those_of_the_vectors() {
    let Vectors { headers, trees, .. } = vectors();
    let mut leaves = Vec::new();
    for vector in headers {
        let text = |column: &str| vector[column].as_str().expect("a text");
        let number = |column: &str| vector[column].as_i64().expect("a number");
        let time = |column: &str| text(column).parse().expect("a time");
        let header = Header {
            stream_id: text("stream_id").parse().expect("an id"),
            batch_no: number("batch_no"),
            kind: HeaderKind::ALL.into_iter().find(|kind| kind.as_str() == text("kind")).expect("a kind"),
            first_seq: number("first_seq"),
            n: i32::try_from(number("n")).expect("a small number"),
            first_created: time("first_created"),
            last_created: time("last_created"),
            rows_root: bytes(text("rows_root")),
            prev_hash: bytes(text("prev_hash")),
            writer_time: time("writer_time"),
            key_id: vector["key_id"].as_str().map(str::to_owned),
            sig: vector["sig"].as_str().map(|sig| bytes::<64>(sig).to_vec()),
        };
        let hash = header_hash(&header);
        assert_eq!(hash, bytes::<32>(text("hash")), "batch {}", header.batch_no);
        assert_eq!(hex(&signed_message(&hash)), text("message"));
        leaves.push(tree_leaf(&header, time("db_time")));
        assert_eq!(hex(leaves.last().expect("a leaf")), text("leaf"));
    }
    for TreeVector { size, root } in trees {
        assert_eq!(hex(&merkle::root(leaves[..size].iter().copied())), root, "{size} headers");
    }
}
