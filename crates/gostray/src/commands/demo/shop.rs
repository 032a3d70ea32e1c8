//! The bundled service: its source, its build, its process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use gostray_toolchain::{Request, Toolchain, Version};

macro_rules! shop_files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../../../fixtures/shop/", $name)))),*]
    };
}

/// The source, as it lies in `fixtures/shop`.
const FILES: [(&str, &str); 10] = shop_files![
    "checkout.go",
    "go.mod",
    "live.go",
    "main.go",
    "orders.go",
    "recommend.go",
    "report.go",
    "search.go",
    "shop.go",
    "stock.go",
];

/// From here on the runtime proves leaks by itself.
const WITH_LEAK_PROFILE: Version = Version { minor: 27, patch: 3 };

/// The Go to build the shop with: the one asked for, or one whose runtime has a leak profile.
pub(super) fn toolchain(asked: Option<&str>, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Toolchain> {
    let found = match asked {
        Some(version) => {
            let version = version.parse::<Version>().map_err(anyhow::Error::msg)?;
            Toolchain::find(Request::Exactly(version), progress)?
        }
        None => match Toolchain::find(Request::Any, progress)? {
            old if old.version().minor < 26 => {
                Toolchain::find(Request::Exactly(WITH_LEAK_PROFILE), progress).unwrap_or(old)
            }
            present => present,
        },
    };
    // Go 1.26 has the leak profile as an experiment.
    Ok(if found.version().minor == 26 { found.with_experiment("goroutineleakprofile") } else { found })
}

/// The running service; it ends with this value, and with this process.
pub(super) struct Shop {
    /// `127.0.0.1:PORT`.
    pub(super) address: String,
    process: Child,
    _dir: tempfile::TempDir,
}

impl Shop {
    /// Its process id.
    #[cfg(target_os = "linux")]
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(super) fn start(toolchain: &Toolchain) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("gostray-demo").tempdir().context("can't make a folder")?;
        for (name, text) in FILES {
            std::fs::write(dir.path().join(name), text).context("can't write the shop's source")?;
        }
        let executable = dir.path().join(if cfg!(windows) { "shop.exe" } else { "shop" });
        toolchain.build(dir.path(), &executable, ["-trimpath"])?;
        let mut process = Command::new(&executable)
            .arg("-exit-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("can't start the shop")?;
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).context("the shop says nothing")?;
        }
        let Some(address) = line.trim().strip_prefix("listening on ") else {
            let _ = process.kill();
            let _ = process.wait();
            bail!("the shop did not start: {line:?}");
        };
        Ok(Self { address: address.to_owned(), process, _dir: dir })
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
