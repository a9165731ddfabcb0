//! Rows that were put aside before they were pruned, and what proves them.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use audit_core::batch::Freezer;
use audit_core::erasure::Erasure;
use audit_core::query::by_actor;
use audit_core::retention::{Retention, RetentionError};
use audit_core::seal::Sealer;
use audit_core::signing::{SignError, Signature, Signer, SigningKey, TrustedKeys, VerifyingKey};
use audit_core::verify::{ArchiveError, ArchiverError, check_archive};
use audit_core::{Actor, Auditor, Migrate};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::log::{Log, for_both_stores};
use crate::retention::{KEEP, SCHEMA, Scene, apply, batch, both, rows};

for_both_stores! {
    what_is_pruned_is_in_a_file_that_proves_it
    whatever_is_changed_in_the_file_is_found
    what_was_erased_is_not_in_the_file_which_proves_the_rest
    a_file_is_never_written_over
    nothing_goes_that_cannot_be_archived
    nothing_goes_that_is_not_as_it_was_frozen
    an_archive_begins_where_its_batches_do
    nothing_goes_whose_file_changes_before_it_goes
    nothing_goes_that_came_after_the_file_was_written
}

fn trusting(key: &SigningKey) -> TrustedKeys {
    format!("log {}", key.verifying_key()).parse().unwrap()
}

/// The old rows of the scene, pruned.
async fn archived(log: Log) -> (Scene, TempDir, PathBuf) {
    let (scene, folder) = (Scene::new(log).await, tempfile::tempdir().unwrap());
    let prunings = apply(&scene.log, &scene.retention().archive(folder.path())).await.unwrap();
    assert_eq!(rows(&prunings), 5);
    let path = prunings[0].archive.clone().unwrap();
    (scene, folder, path)
}

fn read(path: &Path) -> Vec<String> {
    let mut text = String::new();
    GzDecoder::new(BufReader::new(File::open(path).unwrap())).read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn write(path: &Path, lines: &[String]) {
    let mut file = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
    for line in lines {
        writeln!(file, "{line}").unwrap();
    }
    file.finish().unwrap();
}

fn files(folder: &TempDir) -> usize {
    std::fs::read_dir(folder.path()).unwrap().count()
}

async fn what_is_pruned_is_in_a_file_that_proves_it(log: Log) {
    let (scene, folder, path) = archived(log).await;
    let archive = check_archive(&path, &trusting(&scene.key)).unwrap();
    assert_eq!((archive.rows, archive.batches, archive.covered_batches), (5, 2, 3));
    assert_eq!(archive.signed_by, Some(scene.key.verifying_key().id()));
    let lines = read(&path).concat();
    for row in scene.batches[0].rows().iter().chain(&scene.batches[1].rows()[..2]) {
        assert!(lines.contains(&row.row.id.to_string()));
    }
    assert!(!lines.contains(&scene.batches[1].rows()[2].row.id.to_string()), "what stays is not in the file");
    assert!(scene.look().await.is_intact());
    assert_eq!(files(&folder), 1);

    let other = SigningKey::generate("log.example.org").unwrap();
    let error = check_archive(&path, &trusting(&other)).unwrap_err();
    assert!(matches!(error, ArchiveError::Untrusted { size: 3, .. }), "{error}");
    assert_eq!(check_archive(&path, &TrustedKeys::default()).unwrap().signed_by, None);
}

async fn whatever_is_changed_in_the_file_is_found(log: Log) {
    let (_scene, folder, path) = archived(log).await;
    let lines = read(&path);
    let forged = folder.path().join("forged.jsonl.gz");
    let is_found = |lines: &[String], what: &str| {
        write(&forged, lines);
        assert!(check_archive(&forged, &TrustedKeys::default()).is_err(), "{what}");
    };
    write(&forged, &lines);
    check_archive(&forged, &TrustedKeys::default()).unwrap();
    for (place, line) in lines.iter().enumerate() {
        let mut without = lines.clone();
        without.remove(place);
        is_found(&without, &format!("without line {place}"));
        let mut doubled = lines.clone();
        doubled.insert(place, line.clone());
        is_found(&doubled, &format!("line {place} twice"));
    }
    for (from, to) in [
        ("\"door.opened\"", "\"door.closed\""),
        ("\"user_123\"", "\"user_321\""),
        ("\"kind\":\"entries\"", "\"kind\":\"outbox\""),
        ("\"sig\":null", "\"sig\":\"00\""),
        ("\"prev_hash\":\"0", "\"prev_hash\":\"1"),
        ("\"before\":0", "\"before\":1"),
        ("\"rows\":5", "\"rows\":4"),
        ("\"version\":1", "\"version\":2"),
        ("log.example.org\\n3\\n", "log.example.org\\n4\\n"),
    ] {
        let mut changed = lines.clone();
        let line =
            changed.iter_mut().find(|line| line.contains(from)).unwrap_or_else(|| panic!("{from} is in {lines:#?}"));
        *line = line.replacen(from, to, 1);
        is_found(&changed, from);
    }
    // Cut off anywhere.
    let whole = std::fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(97) {
        std::fs::write(&forged, &whole[..length]).unwrap();
        assert!(check_archive(&forged, &TrustedKeys::default()).is_err(), "{length} bytes");
    }
}

async fn what_was_erased_is_not_in_the_file_which_proves_the_rest(log: Log) {
    let (scene, folder) = (Scene::new(log).await, tempfile::tempdir().unwrap());
    let writer = Auditor::builder().url(&scene.log.url).migrate(Migrate::Skip).start().await.unwrap();
    let erasure = Erasure::new(&scene.log.url, &SCHEMA, ["actor_id".parse().unwrap()], "request 117");
    let erased = erasure.by(Actor::user("counsel")).rows_of(&by_actor("user_123"), writer.auditor(), |_| ()).await;
    assert_eq!(erased.unwrap().rows, 9);
    writer.shutdown(Duration::from_secs(10)).await;
    scene.log.seal(Some(&scene.key)).await;

    let prunings = apply(&scene.log, &scene.retention().archive(folder.path())).await.unwrap();
    let path = prunings[0].archive.clone().unwrap();
    assert_eq!(check_archive(&path, &trusting(&scene.key)).unwrap().rows, 5);
    assert!(!read(&path).concat().contains("user_123"));
    let report = scene.look().await;
    assert!(report.is_intact(), "{:?}", report.breaks);
}

async fn a_file_is_never_written_over(log: Log) {
    let (scene, folder, first) = archived(log).await;
    scene.log.land(&batch(&mut Freezer::new(), &[100])).await;
    scene.log.seal(Some(&scene.key)).await;
    let again = apply(&scene.log, &scene.retention().archive(folder.path())).await.unwrap();
    let second = again[0].archive.clone().unwrap();
    assert_ne!(first, second);
    let counts = [first, second].map(|path| check_archive(path, &trusting(&scene.key)).unwrap().rows);
    assert_eq!(counts, [5, 1]);
}

async fn nothing_goes_that_cannot_be_archived(log: Log) {
    let scene = Scene::new(log).await;
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let error = apply(&scene.log, &scene.retention().archive(&nowhere)).await.unwrap_err();
    assert!(matches!(error, RetentionError::Archive(ArchiverError::Write { .. })), "{error}");
    assert!(scene.look().await.prunings.is_empty());

    // A batch that is in the tree, and that no checkpoint covers.
    scene.log.land(&batch(&mut Freezer::new(), &[100])).await;
    scene.log.seal(None).await;
    let error = apply(&scene.log, &scene.retention().archive(folder.path())).await.unwrap_err();
    assert!(matches!(error, RetentionError::Archive(ArchiverError::NotCovered)), "{error}");
    let report = scene.look().await;
    assert!(report.prunings.is_empty() && report.is_intact(), "{:?}", report.breaks);
    assert_eq!(files(&folder), 0);
}

async fn nothing_goes_that_is_not_as_it_was_frozen(log: Log) {
    let scene = Scene::new(log).await;
    let folder = tempfile::tempdir().unwrap();
    both(&scene.log, &format!("UPDATE audit_logs SET actor_id = 'another' WHERE seq = 1 AND {}", scene.of(0))).await;
    let error = apply(&scene.log, &scene.retention().archive(folder.path())).await.unwrap_err();
    assert!(matches!(error, RetentionError::Archive(ArchiverError::Unproved { .. })), "{error}");
    let report = scene.look().await;
    assert!(report.prunings.is_empty() && report.breaks.len() == 1, "{:?}", report.breaks);
}

/// Of the tree before and behind there is no more in the file than it takes.
async fn an_archive_begins_where_its_batches_do(log: Log) {
    let mut freezer = Freezer::new();
    for days in [&[1_u32][..], &[1, 1], &[1], &[100, 100], &[2], &[100], &[3], &[3]] {
        log.land(&batch(&mut freezer, days)).await;
    }
    let key = SigningKey::generate("log").unwrap();
    log.seal(Some(&key)).await;
    log.land(&batch(&mut freezer, &[1])).await;
    log.seal(Some(&key)).await;
    let folder = tempfile::tempdir().unwrap();
    let retention = Retention::new(&log.url, &SCHEMA, KEEP);
    let prunings = apply(&log, &retention.signer(key.clone()).archive(folder.path())).await.unwrap();
    let path = prunings[0].archive.clone().unwrap();
    let archive = check_archive(&path, &trusting(&key)).unwrap();
    assert_eq!((archive.rows, archive.batches, archive.covered_batches), (3, 2, 8));
    let lines = read(&path);
    assert!(lines[0].contains("\"before\":3"), "{}", lines[0]);
    assert_eq!(lines.len(), 1 + 3 + 1 + 2 + 1 + 1, "{lines:#?}");
}

/// Whose key is used once the rows are archived and before they go, and who does something then, once.
struct Meddler {
    key: SigningKey,
    before_it_begins: Mutex<Option<Meddling>>,
    before_it_ends: Mutex<Option<Meddling>>,
}

type Meddling = Box<dyn FnOnce() + Send>;

impl Meddler {
    fn with(key: &SigningKey) -> Self {
        Self { key: key.clone(), before_it_begins: Mutex::default(), before_it_ends: Mutex::default() }
    }

    fn meddle(when: &Mutex<Option<Meddling>>) {
        if let Some(meddling) = when.lock().unwrap().take() {
            meddling();
        }
    }
}

impl fmt::Debug for Meddler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meddler")
    }
}

impl Signer for Meddler {
    fn verifying_key(&self) -> &VerifyingKey {
        Self::meddle(&self.before_it_begins);
        self.key.verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        Self::meddle(&self.before_it_ends);
        self.key.sign(message)
    }
}

async fn nothing_goes_whose_file_changes_before_it_goes(log: Log) {
    let scene = Scene::new(log).await;
    let changes: [fn(&Path); 3] = [
        |file| std::fs::remove_file(file).unwrap(),
        |file| std::fs::write(file, "").unwrap(),
        |file| {
            let mut bytes = std::fs::read(file).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(file, bytes).unwrap();
        },
    ];
    for change in changes {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().to_owned();
        let mut meddler = Meddler::with(&scene.key);
        meddler.before_it_ends = Mutex::new(Some(Box::new(move || {
            let file = std::fs::read_dir(there).unwrap().next().unwrap().unwrap().path();
            assert!(check_archive(&file, &TrustedKeys::default()).is_ok());
            change(&file);
        })));
        let error = apply(&scene.log, &scene.retention().signer(meddler).archive(folder.path())).await.unwrap_err();
        assert!(matches!(error, RetentionError::ArchiveChanged { .. }), "{error}");
        let report = scene.look().await;
        assert!(report.prunings.is_empty() && report.is_intact(), "{:?}", report.breaks);
    }
    let folder = tempfile::tempdir().unwrap();
    let untouched = scene.retention().signer(Meddler::with(&scene.key)).archive(folder.path());
    assert_eq!(rows(&apply(&scene.log, &untouched).await.unwrap()), 5);
}

async fn nothing_goes_that_came_after_the_file_was_written(log: Log) {
    let scene = Scene::new(log).await;
    let folder = tempfile::tempdir().unwrap();
    let (store, url, key) = (scene.log.store.clone(), scene.log.url.clone(), scene.key.clone());
    let mut meddler = Meddler::with(&scene.key);
    meddler.before_it_begins = Mutex::new(Some(Box::new(move || {
        let late = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                store.connect().await.unwrap().land(&batch(&mut Freezer::new(), &[100])).await.unwrap();
                Sealer::new(&url, &SCHEMA).unwrap().signer(key).once().await.unwrap();
            });
        });
        late.join().unwrap();
    })));
    let error = apply(&scene.log, &scene.retention().signer(meddler).archive(folder.path())).await.unwrap_err();
    assert!(matches!(error, RetentionError::Changed), "{error}");
    let report = scene.look().await;
    assert!(report.prunings.is_empty() && report.is_intact(), "{:?}", report.breaks);
}
