//! A program that can be killed, with its journal, its database, and a network between the two.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tests::oracle::Log;
use tests::postgres::{Database, server};
use tests::proxy::{Manner, Proxy};
use tests::recovery::recover;
use tests::victim::{Acks, Orders, Victim};

/// What a victim's acknowledgements and journal are kept in, and a network between it and its database.
pub(crate) struct Scene {
    pub(crate) folder: TempDir,
    pub(crate) database: Database<'static>,
    pub(crate) proxy: Proxy,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let database = server().database().await;
        let proxy = Proxy::before(database.server().port(), Manner::Pass);
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("journal")).expect("a new folder");
        Self { folder, database, proxy }
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    pub(crate) fn orders(&self) -> Orders {
        let mut orders = Orders::new(self.proxy.url(&self.database.url()), self.folder.path().join("acknowledged"));
        orders.journal = Some(self.journal());
        orders
    }

    /// No connection is made, and those there are end.
    pub(crate) fn cut(&self) {
        self.proxy.future(Manner::Refuse);
        self.proxy.reset();
    }

    /// How many rows the log has, if there is one yet. The writer may be about to migrate it: whoever locked its partitions, one
    /// by one, could meet a migration that locks them in another order, so the headers are asked.
    pub(crate) async fn rows(&self) -> u64 {
        let is_there = "SELECT to_regclass('control_plane.audit_batches') IS NOT NULL";
        if !self.database.value::<bool>(is_there).await {
            return 0;
        }
        let sum = "SELECT coalesce(sum(n), 0)::bigint FROM control_plane.audit_batches WHERE kind <> 'lost'";
        self.database.value::<i64>(sum).await.unsigned_abs()
    }

    /// Lets a writer adopt what is left, and the oracle judge.
    pub(crate) async fn judged(self) {
        let stats = recover(&self.database.url(), &self.journal()).await;
        assert_eq!(stats.dropped, 0, "{stats:?}");
        let orders = self.orders();
        let (acknowledged, withdrawn) = (Acks::read(&orders.acks), Acks::read(&orders.withdrawn()));
        assert!(!acknowledged.is_empty());
        let verdict = Log::read(&self.database.url()).await.judge_with(&acknowledged, &withdrawn);
        verdict.assert_good_and_none_refused();
        eprintln!("{verdict}");
    }
}

pub(crate) fn start(orders: &Orders) -> Victim {
    Victim::start(program(), orders, None)
}

pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_chaos"))
}
