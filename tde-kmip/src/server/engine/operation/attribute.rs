//! Reading and changing attributes (KMIP 1.4, sections 4.12 to 4.16; KMIP 2.1, sections 6.1.2, 6.1.3, 6.1.13, 6.1.20,
//! 6.1.21, 6.1.34, 6.1.51).

mod adjust;
mod read;
mod write;

pub(super) use self::{
    adjust::adjust,
    read::{get, list},
    write::{add, delete, modify, set},
};
