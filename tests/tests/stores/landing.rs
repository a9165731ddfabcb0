//! How batches land in PostgreSQL.

use std::time::SystemTime;

use audit_core::batch::Freezer;
use audit_core::migrate::{self, Options};
use audit_core::store::{ErrorClass, Landed, Schema, open};
use tests::postgres::{Database, server};
use tests::samples;

const STORED: Landed = Landed::Stored { dead_lettered: 0 };

/// A database whose log takes rows only from a statement that begins like this.
async fn taking_only(statement: &str) -> Database<'static> {
    let database = server().database().await;
    migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    let check = format!("CHECK (current_query() LIKE '{statement}%')");
    database.execute(&format!("ALTER TABLE control_plane.audit_logs ADD CONSTRAINT way {check}")).await;
    database
}

async fn land(database: &Database<'_>, rows: usize) -> Landed {
    let mut connection = open(&database.url(), &Schema::default()).unwrap().connect().await.unwrap();
    let batch = Freezer::new().freeze(samples::varied(rows), SystemTime::now());
    connection.land(&batch).await.unwrap()
}

#[tokio::test]
async fn few_rows_land_with_their_header_in_one_statement() {
    let database = taking_only("WITH rows AS (INSERT INTO").await;
    assert_eq!(land(&database, 100).await, STORED);
}

#[tokio::test]
async fn many_rows_land_by_copy_whatever_their_columns_hold() {
    let database = taking_only("COPY").await;
    assert_eq!(land(&database, 3_000).await, STORED);
}

#[tokio::test]
async fn a_trigger_that_refuses_rows_as_if_they_had_no_partition_is_named() {
    let database = server().database().await;
    migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    database
        .execute(
            "CREATE FUNCTION control_plane.refuse() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON control_plane.audit_logs
                 FOR EACH ROW EXECUTE FUNCTION control_plane.refuse()",
        )
        .await;
    for rows in [1, 300] {
        let mut connection = open(&database.url(), &Schema::default()).unwrap().connect().await.unwrap();
        let error = connection.land(&samples::batch(&mut Freezer::new(), rows)).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Operator, "{error}");
        assert!(error.to_string().contains("look for a trigger"), "{error}");
    }
}

#[tokio::test]
async fn errors_repeat_neither_a_rows_values_nor_a_password() {
    let database = server().database().await;
    migrate::migrate(&database.url(), &Options::new()).await.unwrap();
    for refusal in [
        "RAISE EXCEPTION 'refused: %', NEW.actor_id",
        "RAISE EXCEPTION 'refused: %', NEW.actor_id USING ERRCODE = 'check_violation', CONSTRAINT = 'ours'",
        "RAISE EXCEPTION 'refused: %', NEW.actor_id USING ERRCODE = 'program_limit_exceeded'",
    ] {
        database
            .execute(&format!(
                "CREATE OR REPLACE FUNCTION control_plane.refuse() RETURNS trigger LANGUAGE plpgsql
                     AS $$ BEGIN {refusal}; END $$;
                 CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON control_plane.audit_logs
                     FOR EACH ROW EXECUTE FUNCTION control_plane.refuse()"
            ))
            .await;
        for rows in [20, 300] {
            let mut connection = open(&database.url(), &Schema::default()).unwrap().connect().await.unwrap();
            let error = connection.land(&samples::batch(&mut Freezer::new(), rows)).await.unwrap_err();
            assert_eq!(error.class(), ErrorClass::Operator, "{error}");
            assert!(!format!("{error:?}").contains("user_123"), "{error:?}");
        }
    }

    let url = database.url().replace("postgres@", "nobody_at_all:hunter2@");
    let store = open(&url, &Schema::default()).unwrap();
    let error = store.connect().await.err().expect("there is no such user");
    assert_eq!(error.class(), ErrorClass::Operator, "{error}");
    assert!(error.to_string().contains("nobody_at_all"), "{error}");
    for text in [format!("{error:?}"), format!("{store:?}"), store.describe()] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}
