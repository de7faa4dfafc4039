//! Attributes of the objects: how they are kept, who may change them, which the server makes.

mod certificate;
mod compare;
mod from_client;
mod kept;
mod rules;
mod server_made;
mod view;

pub(super) use self::{
    compare::matches,
    from_client::{NewAttributes, check_dates},
    kept::{AttributeSet, Kept, Key},
    rules::{ClientMay, may, single_valued},
    server_made::{describe, describe_protection, key_block, key_block_mut, key_bytes},
};
