use audit_core::http::{ContextLayer, ProxyHeader, TrustedProxies, TrustedProxiesError};

fn layer() -> Result<ContextLayer, TrustedProxiesError> {
    let proxies: TrustedProxies = "10.0.0.0/8, 2001:db8::/32".parse()?;
    Ok(ContextLayer::new().trust(proxies.with_header(ProxyHeader::Forwarded)))
}
