//! What the macros say to mistakes, and what they accept in silence.
//!
//! Each case is a program of its own. A comment `//~ TOKENS => SENTENCE` announces an error on the line above
//! it (above all such comments): the text that the primary span covers, and a sentence that the error, one of
//! its labels or one of its notes contains. A program has exactly the errors that it announces; one in
//! `cases/pass` has none, in both editions, nor has clippy anything to say of it. Only that is compared, so that
//! any compiler will do.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// One error, announced or reported.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mistake {
    line: usize,
    tokens: String,
    sentences: Vec<String>,
}

impl Mistake {
    fn answers(&self, announced: &Self) -> bool {
        let sentence = &announced.sentences[0];
        (self.line, &self.tokens) == (announced.line, &announced.tokens)
            && self.sentences.iter().any(|said| said.contains(sentence))
    }
}

#[test]
fn each_mistake_is_one_error_on_the_users_own_text() {
    let cases = cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"));
    assert!(cases.len() > 20, "the cases are there");
    let messages = check("check", &cases);
    let mut complaints = String::new();
    for case in &cases {
        let text = fs::read_to_string(case).expect("a case can be read");
        let (mut announced, mut reported) = (announced(&text), reported(case, &text, &messages));
        announced.sort();
        reported.sort();
        let fits = announced.len() == reported.len()
            && reported.iter().zip(&announced).all(|(reported, announced)| reported.answers(announced));
        if !fits {
            writeln!(complaints, "{} should announce these errors, and no others:", case.display())
                .expect("it is text");
            for Mistake { line, tokens, sentences } in reported {
                writeln!(complaints, "  line {line}: //~ {tokens} => {}", sentences[0]).expect("it is text");
            }
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

#[test]
fn clippy_has_nothing_to_say_of_an_expansion() {
    let cases = cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/pass"));
    let messages = check("clippy", &cases);
    let said = messages.iter().filter(|message| message["target"]["name"].as_str().is_some_and(is_case));
    let said: Vec<_> = said.filter_map(|message| message["message"]["rendered"].as_str()).collect();
    assert!(said.is_empty(), "{}", said.join("\n"));
}

fn is_case(name: &str) -> bool {
    name.starts_with("case_")
}

fn cases(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder of cases can be read") {
        let path = entry.expect("its entries too").path();
        if path.is_dir() {
            found.extend(cases(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Checks all cases as the programs of one package, whose dependencies are those of this workspace.
fn check(command: &str, cases: &[PathBuf]) -> Vec<Value> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is there");
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui").join(command);
    let mut manifest = format!(
        "[package]\nname = 'cases'\nversion = '0.0.0'\nedition = '2024'\nautobins = false\n\n[workspace]\n\n\
         [dependencies]\naudit-core = {{ path = '{}', default-features = false, features = ['axum'] }}\n\
         axum = {{ version = '*', default-features = false }}\nserde_json = '1'\n",
        workspace.join("audit-core").display()
    );
    for (n, case) in cases.iter().enumerate() {
        let path = case.display();
        write!(manifest, "\n[[bin]]\nname = 'case_{n}'\npath = '{path}'\n").expect("it is text");
        if case.components().any(|folder| folder.as_os_str() == "pass") {
            write!(manifest, "\n[[bin]]\nname = 'case_{n}_2021'\nedition = '2021'\npath = '{path}'\n")
                .expect("it is text");
        }
    }
    fs::create_dir_all(&package).expect("the package's folder can be made");
    fs::write(package.join("Cargo.toml"), manifest).expect("the manifest can be written");
    fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock")).expect("the lock file can be copied");
    let output = Command::new(env!("CARGO"))
        .args([command, "--quiet", "--keep-going", "--message-format=json"])
        .current_dir(&package)
        .env("CARGO_TARGET_DIR", package.with_file_name("target"))
        .output()
        .expect("cargo runs");
    let messages = String::from_utf8(output.stdout).expect("cargo writes text");
    let messages: Vec<Value> = messages.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        messages.iter().any(|message| message["target"]["name"] == "case_0"),
        "the cases were not checked: {errors}"
    );
    messages
}

/// What the comments of a case announce.
fn announced(text: &str) -> Vec<Mistake> {
    let (mut announced, mut line_above) = (Vec::new(), 0);
    for (n, line) in text.lines().enumerate() {
        let Some(comment) = line.trim().strip_prefix("//~ ") else {
            line_above = n + 1;
            continue;
        };
        let (tokens, sentence) = comment.split_once(" => ").expect("it says `//~ TOKENS => SENTENCE`");
        announced.push(Mistake { line: line_above, tokens: tokens.to_owned(), sentences: vec![sentence.to_owned()] });
    }
    announced
}

/// What the compiler reported of a case.
fn reported(case: &Path, text: &str, messages: &[Value]) -> Vec<Mistake> {
    let of_case = messages.iter().filter(|message| message["target"]["src_path"].as_str().map(Path::new) == Some(case));
    let errors = of_case.map(|message| &message["message"]).filter(|message| message["level"] == "error");
    errors
        .filter(|error| !error["message"].as_str().is_some_and(is_summary))
        .map(|error| mistake(text, error))
        .collect()
}

fn is_summary(message: &str) -> bool {
    message.starts_with("aborting due to") || message.starts_with("could not compile")
}

fn mistake(text: &str, error: &Value) -> Mistake {
    let spans = error["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
    let primary = spans.iter().find(|span| span["is_primary"] == true).unwrap_or(&Value::Null);
    let number = |name: &str| primary[name].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
    let covered = text.get(number("byte_start")..number("byte_end")).unwrap_or_default();
    let labels = spans.iter().map(|span| &span["label"]);
    let notes = error["children"].as_array().into_iter().flatten().map(|child| &child["message"]);
    let said = [&error["message"]].into_iter().chain(labels).chain(notes);
    Mistake {
        line: number("line_start"),
        tokens: covered.lines().next().unwrap_or_default().to_owned(),
        sentences: said.filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}
