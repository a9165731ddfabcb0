//! ```text
//! cargo run -p control-plane -- --admin-token "$(openssl rand -hex 16)"
//! ```

use std::io::{self, Write as _};

use clap::Parser as _;
use control_plane::config::Config;
use control_plane::serve::{Server, told_to_stop};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let stop = told_to_stop()?;
    let server = Server::start(&Config::parse()).await?;
    writeln!(io::stdout(), "listening on http://{}", server.address())?;
    server.serve_until(stop).await?;
    Ok(())
}
