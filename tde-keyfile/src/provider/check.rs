//! What a check of a provider found.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// A provider that can be used, and what is to be known of it. It holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderCheck {
    /// What was found, in the order in which it was looked at.
    pub items: Vec<CheckItem>,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckItem {
    /// What it is about, in a word or two: `keys`, `certificate`, `protocol`.
    pub subject: Cow<'static, str>,
    /// What was found, in one clause.
    pub text: String,
    /// Whether somebody should look into it although the provider works.
    pub warning: bool,
}

impl ProviderCheck {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { items: Vec::new() }
    }

    /// Adds what is as it should be.
    pub fn good(&mut self, subject: impl Into<Cow<'static, str>>, text: impl Into<String>) {
        self.items.push(CheckItem { subject: subject.into(), text: text.into(), warning: false });
    }

    /// Adds what somebody should look into.
    pub fn warn(&mut self, subject: impl Into<Cow<'static, str>>, text: impl Into<String>) {
        self.items.push(CheckItem { subject: subject.into(), text: text.into(), warning: true });
    }

    /// What somebody should look into.
    pub fn warnings(&self) -> impl Iterator<Item = &CheckItem> {
        self.items.iter().filter(|item| item.warning)
    }
}
