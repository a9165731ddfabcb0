//! What a bench found, and where it is kept.

use std::path::Path;
use std::{fs, io};

use serde_json::{Map, Value, json};

use crate::machine;
use crate::plot::Plot;

/// What benches found that kept it in a folder, of each figure that has to be reached. What is not there was not found.
#[must_use]
pub fn kept(folder: &Path, benches: &[&str]) -> Map<String, Value> {
    let read = |bench: &&str| -> Option<Map<String, Value>> {
        let text = fs::read_to_string(folder.join(bench).with_extension("json")).ok()?;
        serde_json::from_str::<Value>(&text).ok()?.get("measured")?.as_object().cloned()
    };
    benches.iter().filter_map(read).flatten().collect()
}

/// What a bench found.
#[derive(Debug)]
pub struct Findings {
    bench: &'static str,
    figures: Value,
    measured: Map<String, Value>,
    plot: Option<Plot>,
}

impl Findings {
    /// All figures of a bench, as they are to be kept.
    #[must_use]
    pub fn new(bench: &'static str, figures: Value) -> Self {
        Self { bench, figures, measured: Map::new(), plot: None }
    }

    /// The figure that `what` has to reach.
    #[must_use]
    pub fn measured(mut self, what: &str, figure: f64) -> Self {
        self.measured.insert(what.to_owned(), json!(figure));
        self
    }

    /// A picture of it.
    #[must_use]
    pub fn plot(mut self, plot: Plot) -> Self {
        self.plot = Some(plot);
        self
    }

    /// Writes it into a folder, as JSON and, where there is a picture, as SVG.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn keep(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let json = json!({
            "bench": self.bench, "machine": machine::description(), "measured": self.measured, "figures": self.figures,
        });
        let file = folder.join(self.bench).with_extension("json");
        fs::write(&file, format!("{json:#}\n"))?;
        println!("\nthe same as JSON: {}", file.display());
        if let Some(plot) = &self.plot {
            let file = folder.join(self.bench).with_extension("svg");
            fs::write(&file, plot.svg())?;
            println!("as a picture: {}", file.display());
        }
        Ok(())
    }
}
