//! What the command holds in memory.

use std::fs;
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::thread;

use tests::postgres::server;

use crate::support::Shell;

/// Rows of three kilobytes, on twenty pages.
const MANY: &str = "
    INSERT INTO control_plane.audit_logs
        (id, created_at, stream_id, seq, actor_type, outcome, action, target_type, target_id, metadata)
    SELECT gen_random_uuid(), now() - i * interval '1 ms', gen_random_uuid(), 0, 'user', 'success', 'door.opened', 'door', i::text,
           jsonb_build_object('note', repeat(md5(i::text), 90))
    FROM generate_series(1, 20000) i";

/// A log in PostgreSQL: of an SQLite file the command would hold what it has read.
async fn many() -> Shell {
    let database = server().database().await;
    let shell = Shell::new().with("DATABASE_URL", database.url());
    shell.run(&["migrate"]).success();
    database.execute(MANY).await;
    shell
}

/// The length of what an export writes, and the most that it held of its own while it wrote, in bytes.
fn exported(shell: &Shell, format: &str) -> (u64, u64) {
    let mut command = shell.command(&["export", "--format", format]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let (mut length, mut most, mut chunk) = (0, 0, vec![0; 1 << 16]);
    loop {
        let read = out.read(&mut chunk).unwrap();
        if read == 0 {
            break;
        }
        length += read as u64;
        most = most.max(held(&child).unwrap_or(0));
    }
    assert!(child.wait().unwrap().success());
    (length, most)
}

/// What a process holds, in bytes, the mapped file of its program aside; `None` once it has ended.
fn held(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
}

#[tokio::test]
async fn an_export_holds_a_page_however_much_it_writes() {
    let shell = many().await;
    thread::scope(|exports| {
        for format in ["jsonl", "csv"] {
            let shell = &shell;
            exports.spawn(move || {
                let (length, most) = exported(shell, format);
                assert!(length > 55_000_000, "{format}: {length} bytes");
                assert!(most > 0 && most < length / 3, "{format}: {most} bytes are held of {length}");
            });
        }
    });
}

#[cfg(feature = "parquet")]
#[tokio::test]
async fn a_group_of_columns_is_written_before_it_grows_large() {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};

    let shell = many().await;
    shell.run(&["export", "--format=parquet", "--output=a.parquet"]).success().complains("20000 entries exported");
    let file = fs::File::open(shell.folder().join("a.parquet")).unwrap();
    let file = SerializedFileReader::new(file).unwrap();
    assert_eq!((file.num_row_groups(), file.metadata().file_metadata().num_rows()), (2, 20_000));
}
