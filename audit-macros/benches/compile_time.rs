//! What `cargo check` takes for functions that are audited against a large catalog, beside the same functions with
//! `#[tracing::instrument]`, and for the catalog alone.
//!
//! The crates are generated, each in a package of its own, and their dependencies are built first. Then each crate is
//! checked from scratch, in turns. Of each round there is a ratio, because a machine that is slow for a while is so for both;
//! their median is told. The first run builds the dependencies; every other takes three minutes.
//!
//! `cargo bench -p audit-macros --bench compile_time`

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ACTIONS: usize = 500;
const FUNCTIONS: usize = 300;
const ROUNDS: usize = 21;
/// Rounds end early after this time, with those that there are.
const AT_MOST: Duration = Duration::from_mins(4);

const PACKAGES: [&str; 4] = ["traced", "audited", "catalog", "empty"];

fn main() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_time");
    generate(&place);
    for package in PACKAGES {
        check(&place, package);
    }
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); PACKAGES.len()];
    let began = Instant::now();
    while times[0].len() < ROUNDS && began.elapsed() < AT_MOST {
        for (package, times) in PACKAGES.iter().zip(&mut times) {
            touch(&place, package);
            times.push(check(&place, package));
        }
    }
    let mut ratios: Vec<f64> =
        times[1].iter().zip(&times[0]).map(|(audited, traced)| audited.div_duration_f64(*traced)).collect();
    ratios.sort_by(f64::total_cmp);
    for times in &mut times {
        times.sort();
    }
    println!("{} rounds in turns; seconds of `cargo check`: median (least to most)", times[0].len());
    let what = [
        format!("{FUNCTIONS} functions, #[tracing::instrument]"),
        format!("{FUNCTIONS} functions, #[audited], the catalog in another crate"),
        format!("the catalog of {ACTIONS} actions"),
        "an empty crate".to_owned(),
    ];
    for (what, times) in what.iter().zip(&times) {
        let least_and_most = times.first().zip(times.last()).expect("there is a round");
        let (least, most) = least_and_most;
        let median = times[times.len() / 2];
        println!("{:.3} ({:.3} to {:.3}) {what}", median.as_secs_f64(), least.as_secs_f64(), most.as_secs_f64());
    }
    let median = |n: usize| times[n][times[n].len() / 2].as_secs_f64();
    let of_rounds = |part: usize| ratios[(ratios.len() - 1) * part / 4];
    println!(
        "#[audited] / #[instrument] = {:.3}, half of the rounds {:.3} to {:.3}",
        of_rounds(2),
        of_rounds(1),
        of_rounds(3)
    );
    println!("the catalog, beyond an empty crate: {:.3} s", median(2) - median(3));
    keep(times[0].len(), [0, 1, 2, 3].map(median), of_rounds(2));
}

/// Beside what other benches keep.
fn keep(rounds: usize, medians: [f64; 4], ratio: f64) {
    let names = PACKAGES.iter().zip(medians).map(|(package, median)| format!("\"{package}\": {median:.3}"));
    let seconds = names.collect::<Vec<_>>().join(", ");
    let json = format!(
        "{{\"bench\": \"compile_time\", \"rounds\": {rounds}, \"seconds\": {{{seconds}}}, \"audited by traced\": {ratio:.3}}}\n"
    );
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../bench");
    fs::create_dir_all(&folder).expect("it can be made");
    let file = folder.join("compile_time.json");
    fs::write(&file, json).expect("it can be written");
    println!("the same as JSON: {}", file.display());
}

/// Checks one package from scratch, and gives the time that it took.
fn check(place: &Path, package: &str) -> Duration {
    let began = Instant::now();
    let status = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--package", package])
        .arg("--target-dir")
        .arg(place.join("target"))
        .current_dir(place)
        // What is unchanged would not be checked again.
        .env("CARGO_INCREMENTAL", "0")
        .stdin(Stdio::null())
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the generated crate {package} compiles");
    began.elapsed()
}

fn touch(place: &Path, package: &str) {
    let file = source(place, package);
    let text = fs::read(&file).expect("it was generated");
    fs::write(&file, text).expect("it can be written again");
}

fn source(place: &Path, package: &str) -> PathBuf {
    place.join(package).join("src/lib.rs")
}

fn generate(place: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace");
    let core = format!("audit-core = {{ path = '{}/audit-core', default-features = false }}\n", root.display());
    let tracing = "tracing = { version = \"0.1\", default-features = false, features = [\"std\", \"attributes\"] }\n";
    let members: Vec<String> = PACKAGES.iter().map(|package| format!("{package:?}")).collect();
    fs::create_dir_all(place).expect("the folder for temporary files can be written");
    let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n", members.join(", "));
    fs::write(place.join("Cargo.toml"), workspace).expect("it can be written");
    // The versions that the workspace was tested with.
    fs::copy(root.join("Cargo.lock"), place.join("Cargo.lock")).expect("the workspace has a lock file");

    let with_catalog = format!("{core}catalog = {{ path = \"../catalog\" }}\n");
    package(place, "traced", tracing, &functions(&Attribute::Instrument));
    package(place, "audited", &with_catalog, &format!("use catalog::audited;\n{}", functions(&Attribute::Audited)));
    package(place, "catalog", &core, &catalog());
    package(place, "empty", &core, "");
}

fn package(place: &Path, name: &str, dependencies: &str, text: &str) {
    let folder = place.join(name);
    fs::create_dir_all(folder.join("src")).expect("it can be made");
    let manifest =
        format!("[package]\nname = {name:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\n{dependencies}");
    fs::write(folder.join("Cargo.toml"), manifest).expect("it can be written");
    fs::write(folder.join("src/lib.rs"), text).expect("it can be written");
}

fn catalog() -> String {
    let mut text = "#[derive(audit_core::Catalog)]\npub enum Action {\n".to_owned();
    for n in 0..ACTIONS {
        let _ = writeln!(
            text,
            "/// Change number {n}.\n#[audit(action = \"thing.changed_{n}\", target = \"thing\")]\n\
             ThingChanged{n} {{ /// Its name.\nname: String, count: i64, large: Option<bool> }},"
        );
    }
    text + "}\n"
}

#[derive(Debug)]
enum Attribute {
    Instrument,
    Audited,
}

/// Functions of four shapes.
fn functions(attribute: &Attribute) -> String {
    let mut text = "pub struct Thing { pub id: u64, pub name: String }\n\
        #[derive(Debug)] pub struct Error(String);\n\
        impl std::fmt::Display for Error {\n\
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.0) }\n\
        }\n\
        pub struct Service { pub things: Vec<Thing> }\n"
        .to_owned();
    for n in 0..FUNCTIONS {
        let target_id = if n % 4 == 2 { "target_id = |thing| thing.id, " } else { "" };
        let attribute = match attribute {
            Attribute::Instrument => {
                "#[tracing::instrument(skip_all, fields(name = name, count = count, large = count > 9))]".to_owned()
            }
            Attribute::Audited => format!(
                "#[audited(action = \"thing.changed_{n}\", {target_id}metadata(name, count, large = count > 9))]"
            ),
        };
        let body = "{\n\
            let mut text = String::new();\n\
            for part in name.split('.').take(3) { text.push_str(part); }\n\
            if text.len() as i64 > count { return Err(Error(format!(\"{text}: too long\"))); }\n";
        let function = match n % 4 {
            0 => format!(
                "pub async fn function_{n}(thing_id: &str, name: &str, count: i64) -> Result<u64, Error> {body}\
                 Ok(thing_id.len() as u64)\n}}"
            ),
            1 => format!(
                "pub fn function_{n}(thing_id: u64, name: &str, count: i64) -> Result<String, Error> {body}\
                 Ok(format!(\"{{thing_id}}{{text}}\"))\n}}"
            ),
            2 => format!(
                "pub async fn function_{n}(name: &str, count: i64) -> Result<Thing, Error> {body}\
                 Ok(Thing {{ id: count as u64, name: text }})\n}}"
            ),
            _ => format!(
                "pub async fn function_{n}(&mut self, thing_id: u64, name: &str, count: i64) -> Result<(), Error> {body}\
                 self.things.push(Thing {{ id: thing_id, name: text }});\nOk(())\n}}"
            ),
        };
        let _ = match n % 4 {
            3 => writeln!(text, "impl Service {{\n{attribute}\n{function}\n}}"),
            _ => writeln!(text, "{attribute}\n{function}"),
        };
    }
    text
}
