//! The guard on outbound addresses: no call may reach into the network that Waypost runs in.
//!
//! It stands in two places, since neither is enough. [`Guard::check_url`] looks at the address as
//! written: an IP literal never reaches a resolver, and `http://2130706433/` is 127.0.0.1.
//! [`GuardedResolver`] looks at every address a name resolves to, at the moment it is connected to:
//! a name checked earlier may answer differently by then.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::BoxFuture;

/// The IPv4 networks that are not the public internet, or that are a cloud's metadata service.
const DENIED_V4: &[Ipv4Net] = &[
    v4(0, 0, 0, 0, 8),        // this host
    v4(10, 0, 0, 0, 8),       // private
    v4(100, 64, 0, 0, 10),    // carrier-grade NAT; one cloud's metadata
    v4(127, 0, 0, 0, 8),      // loopback
    v4(168, 63, 129, 16, 32), // one cloud's platform address
    v4(169, 254, 0, 0, 16),   // link-local; most clouds' metadata
    v4(172, 16, 0, 0, 12),    // private
    v4(192, 0, 0, 0, 24),     // protocol assignments; one cloud's metadata
    v4(192, 0, 2, 0, 24),     // documentation
    v4(192, 88, 99, 0, 24),   // 6to4 relays
    v4(192, 168, 0, 0, 16),   // private
    v4(198, 18, 0, 0, 15),    // benchmarking
    v4(198, 51, 100, 0, 24),  // documentation
    v4(203, 0, 113, 0, 24),   // documentation
    v4(224, 0, 0, 0, 4),      // multicast
    v4(240, 0, 0, 0, 4),      // reserved and broadcast
];

/// The only IPv6 network of public addresses.
const PUBLIC_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

/// What inside [`PUBLIC_V6`] is not public after all. 6to4 is judged by the address in it.
const DENIED_V6: &[Ipv6Net] = &[
    v6(0x2001, 0, 0, 23),      // protocol assignments, Teredo among them
    v6(0x2001, 0x0db8, 0, 32), // documentation
    v6(0x3fff, 0, 0, 20),      // documentation
];

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, c: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length)
}

/// Decides which addresses outbound calls may reach.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allow: Arc<[IpNet]>,
}

/// Why an address may not be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The scheme is not one that is called.
    #[error("`{0}:` addresses are not called: use http or https")]
    Scheme(String),
    /// The address carries a user name or a password.
    #[error("the address carries a user name or password: put them into `auth`")]
    UserInfo,
    /// The address names no host.
    #[error("the address names no host")]
    NoHost,
    /// The host lies in a network that is not public.
    #[error(
        "{0} is not a public address: if it is meant to be reached, \
         add its network to WAYPOST_OUTBOUND_ALLOW"
    )]
    Private(String),
}

impl Refused {
    /// The class of error in a reply.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Private(_) => "address_not_allowed",
            Self::Scheme(_) | Self::UserInfo | Self::NoHost => "invalid_url",
        }
    }
}

impl Guard {
    /// A guard that lets public addresses through, and these networks.
    pub fn new(allow: &[IpNet]) -> Self {
        Self {
            allow: allow.into(),
        }
    }

    /// Whether calls may reach this address.
    pub fn allows(&self, address: IpAddr) -> bool {
        // An address that only wraps another one is judged by that one.
        let address = match address {
            IpAddr::V6(outer) => embedded(outer).map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        self.allow.iter().any(|network| network.contains(&address)) || is_public(address)
    }

    /// Looks at an address as written: scheme, user info, and IP literals in every notation (the
    /// URL parser has made `0x7f.1` and `2130706433` into what they are).
    pub fn check_url(&self, url: &Url) -> Result<(), Refused> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::UserInfo);
        }
        let literal = match url.host().ok_or(Refused::NoHost)? {
            Host::Domain("") => return Err(Refused::NoHost),
            Host::Domain(_) => return Ok(()),
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
        };
        if self.allows(literal) {
            Ok(())
        } else {
            Err(Refused::Private(literal.to_string()))
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !DENIED_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            PUBLIC_V6.contains(&address)
                && !DENIED_V6.iter().any(|network| network.contains(&address))
                && !is_isatap(address)
        }
    }
}

/// The IPv4 address that packets for this IPv6 address end up at, where it is one of the wrappers:
/// mapped, compatible, translated (SIIT), NAT64 and 6to4. Local-use NAT64 (`64:ff9b:1::/48`) and
/// Teredo are denied as a whole.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let words = address.segments();
    let (high, low) = match words {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => return None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => (high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => (high, low),
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => (high, low),
        [0x2002, high, low, ..] => (high, low),
        _ => return None,
    };
    Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
}

/// ISATAP tunnels: the interface id carries an IPv4 address, of whatever network.
fn is_isatap(address: Ipv6Addr) -> bool {
    matches!(
        address.segments(),
        [_, _, _, _, 0x0000 | 0x0200, 0x5efe, _, _]
    )
}

/// Who knows the addresses of names: the system, or a test.
type Names = fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;

/// Resolves names for the HTTP client, and drops every address that the guard does not allow. The client connects to
/// what comes out of here and asks nobody again: what was looked at is what is called.
#[derive(Clone, Debug)]
pub struct GuardedResolver {
    guard: Guard,
    names: Names,
}

impl GuardedResolver {
    /// A resolver that asks the system.
    pub fn new(guard: Guard) -> Self {
        let names = |name: String| -> BoxFuture<'static, _> {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
        };
        Self { guard, names }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, found) = (self.guard.clone(), (self.names)(name.as_str().to_owned()));
        Box::pin(async move {
            let allowed = filter(&guard, found.await?.into_iter(), name.as_str())?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

fn filter(
    guard: &Guard,
    found: impl Iterator<Item = SocketAddr>,
    name: &str,
) -> Result<Vec<SocketAddr>, Refused> {
    let (allowed, denied): (Vec<_>, Vec<_>) = found.partition(|address| guard.allows(address.ip()));
    match denied.first() {
        // The name only: what it resolves to inside is nobody's business outside.
        Some(_) if allowed.is_empty() => Err(Refused::Private(name.to_owned())),
        _ => Ok(allowed),
    }
}

#[cfg(test)]
#[path = "ssrf_tests.rs"]
mod tests;
