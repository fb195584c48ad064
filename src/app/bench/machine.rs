//! The machine that the figures are of.

use serde::Serialize;

/// What of a machine decides its figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// The processor, where the system tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Memory in GiB, where the system tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_gib: Option<u64>,
    /// The system.
    pub system: String,
    /// Load of the last minute before the first run: of 1 or more, others were at work, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
}

impl Machine {
    /// Looks at this one.
    pub(super) fn look() -> Self {
        let line = |file: &str, name: &str| {
            let text = std::fs::read_to_string(file).ok()?;
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let kib = line("/proc/meminfo", "MemTotal");
        let kib = kib.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        let load = std::fs::read_to_string("/proc/loadavg").ok();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: line("/proc/cpuinfo", "model name"),
            memory_gib: kib.map(|kib| (kib + (1 << 19)) >> 20),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            load: load.and_then(|text| text.split(' ').next()?.parse().ok()),
        }
    }
}
