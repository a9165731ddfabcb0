//! Whose word about a client's address is believed.

use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderName;
use http::header::FORWARDED;
use ipnet::IpNet;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// The header in which the trusted proxies say for whom they speak. Only one is believed: a proxy that writes one hands on
/// what the client wrote into the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ProxyHeader {
    /// `X-Forwarded-For`: each proxy appends the address that is connected to it.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239): each proxy appends an element with `for=`.
    Forwarded,
    /// `X-Real-IP`: one proxy sets the one address. Where it stands twice, it is not believed.
    XRealIp,
}

impl ProxyHeader {
    /// The header's name, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.header_name().as_str()
    }

    pub(super) fn header_name(self) -> &'static HeaderName {
        match self {
            Self::XForwardedFor => &X_FORWARDED_FOR,
            Self::Forwarded => &FORWARDED,
            Self::XRealIp => &X_REAL_IP,
        }
    }
}

/// The networks of the proxies that are trusted, and the header that they write. Nobody is by default.
///
/// # Examples
///
/// ```
/// use audit_core::http::{ProxyHeader, TrustedProxies};
///
/// let proxies: TrustedProxies = "10.0.0.0/8, 192.168.1.7, 2001:db8::/32".parse()?;
/// let proxies = proxies.with_header(ProxyHeader::Forwarded);
/// assert!(proxies.contains("10.1.2.3".parse()?) && !proxies.contains("192.168.1.8".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ProxyHeader,
}

impl TrustedProxies {
    /// The proxies of these networks, which write `X-Forwarded-For`.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self { networks: networks.into_iter().collect(), header: ProxyHeader::default() }
    }

    /// The same proxies, which write another header.
    #[must_use]
    pub fn with_header(self, header: ProxyHeader) -> Self {
        Self { header, ..self }
    }

    /// The header that they write.
    #[must_use]
    pub const fn header(&self) -> ProxyHeader {
        self.header
    }

    /// Whether the address is one of theirs. IPv4 addresses that are written as IPv6 (`::ffff:10.0.0.1`) are IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// A text that is no list of networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no network: write addresses and CIDR blocks with commas between them, such as `10.0.0.0/8, 2001:db8::1`"
)]
pub struct TrustedProxiesError(String);

impl FromStr for TrustedProxies {
    type Err = TrustedProxiesError;

    /// Addresses and CIDR blocks, with commas between them; an empty text trusts nobody.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = |text: &str| {
            let address = || text.parse::<IpAddr>().map(IpNet::from);
            text.parse::<IpNet>().or_else(|_| address()).map_err(|_| TrustedProxiesError(text.to_owned()))
        };
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(network).collect::<Result<Vec<_>, _>>().map(Self::new)
    }
}
