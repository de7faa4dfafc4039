//! `/proc/PID/limits`.

/// A soft limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    Bytes(u64),
    Unlimited,
}

/// The soft limits of a process that matter here; none where the file does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) core_file: Option<Limit>,
    pub(super) locked_memory: Option<Limit>,
}

impl Limits {
    pub(super) fn parse(text: &str) -> Self {
        let soft = |name: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
            match rest.split_whitespace().next()? {
                "unlimited" => Some(Limit::Unlimited),
                number => number.parse().ok().map(Limit::Bytes),
            }
        };
        Self { core_file: soft("Max core file size"), locked_memory: soft("Max locked memory") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_limits_are_read() {
        let limits = Limits::parse(super::super::tests::LIMITS);
        assert_eq!(limits.core_file, Some(Limit::Bytes(0)));
        assert_eq!(limits.locked_memory, Some(Limit::Bytes(65536)));
        let none = Limits { core_file: None, locked_memory: None };
        assert_eq!(Limits::parse("Max core file size\nMax locked memory x"), none);
    }
}
