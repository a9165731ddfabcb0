//! A browser of the test's own: Debian's chromium, led by its chromedriver.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::mem::ManuallyDrop;
use std::net::TcpStream;
use std::ops::Deref;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use thirtyfour::{ChromiumLikeCapabilities as _, DesiredCapabilities, WebDriver};

/// Whether pages may run scripts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    Run,
    Forbidden,
}

/// A browser, until it is dropped.
pub(crate) struct Browser {
    /// Dropped, it would wait for an answer that comes on the thread which waits. The process ends the session.
    driver: ManuallyDrop<WebDriver>,
    _process: Process,
    _profile: TempDir,
}

/// Chromedriver, which takes its browsers with it.
struct Process {
    child: Child,
    port: u16,
}

impl Browser {
    pub(crate) async fn start(scripts: Scripts) -> Self {
        let process = Process::start();
        let profile = tempfile::tempdir().unwrap();
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"] {
            capabilities.add_arg(argument).unwrap();
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        if scripts == Scripts::Forbidden {
            let settings = serde_json::json!({ "profile.managed_default_content_settings.javascript": 2 });
            capabilities.add_experimental_option("prefs", settings).unwrap();
        }
        let driver = WebDriver::new(format!("http://127.0.0.1:{}", process.port), capabilities).await.unwrap();
        Self { driver: ManuallyDrop::new(driver), _process: process, _profile: profile }
    }

    /// Shows pages in a scheme (`light`, `dark`) from now on, in a window of this width.
    pub(crate) async fn looks(&self, scheme: &str, width: u32) {
        let media = serde_json::json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.cdp().send_raw("Emulation.setEmulatedMedia", media).await.unwrap();
        let size = serde_json::json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.cdp().send_raw("Emulation.setDeviceMetricsOverride", size).await.unwrap();
    }
}

impl Browser {
    /// Puts what is downloaded into a folder.
    pub(crate) async fn downloads_to(&self, folder: &Path) {
        let place = serde_json::json!({ "behavior": "allow", "downloadPath": folder });
        self.cdp().send_raw("Browser.setDownloadBehavior", place).await.unwrap();
    }

    /// What was copied last, by a browser whose user lets pages see it.
    pub(crate) async fn clipboard(&self) -> String {
        let read = "navigator.clipboard.readText().then(arguments[arguments.length - 1], (error) => arguments[arguments.length - 1](String(error)))";
        self.execute_async(read, vec![]).await.unwrap().convert().unwrap()
    }

    /// Lets pages use the clipboard.
    pub(crate) async fn lets_copy(&self) {
        let permissions = serde_json::json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
        self.cdp().send_raw("Browser.grantPermissions", permissions).await.unwrap();
    }
}

impl Deref for Browser {
    type Target = WebDriver;

    fn deref(&self) -> &WebDriver {
        &self.driver
    }
}

impl Process {
    fn start() -> Self {
        let mut child = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port =
            lines.filter_map(|line| Some(line.split_once("successfully on port ")?.1.trim_end_matches('.').parse()));
        let port = port.map(Result::unwrap).next().expect("chromedriver says where it listens");
        Self { child, port }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Only killed, it would leave the browser behind.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let _ = stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
            let _ = stream.read(&mut [0; 512]);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
