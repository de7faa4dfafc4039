//! Reading and changing attributes (KMIP 1.4, sections 4.12 to 4.16; KMIP 2.1, sections 6.1.2, 6.1.3, 6.1.14, 6.1.22,
//! 6.1.23, 6.1.31, 6.1.48).

mod adjust;
mod read;
mod write;

pub(super) use self::{
    adjust::adjust,
    read::{get, list},
    write::{add, delete, modify, set},
};
