//! Finding and reading objects.

use crate::{
    attribute::{Attributes, UniqueIdentifier},
    codec::{DateTime, Interval, Nested},
    object::{KeyWrappingSpecification, ManagedObject},
    spec::{
        self,
        enumeration::{KeyCompressionType, KeyFormatType, KeyWrapType, ObjectGroupMember, ObjectType},
        mask::{CryptographicUsageMask, StorageStatusMask},
    },
};

structure! {
    /// Request payload of Locate.
    LocateRequest = spec::operation::LOCATE.request;

    /// Maximum Items.
    maximum_items: opt i32 = MAXIMUM_ITEMS;
    /// Offset Items; KMIP 1.3 and later.
    offset_items: opt i32 = OFFSET_ITEMS;
    /// Storage Status Mask.
    storage_status_mask: opt StorageStatusMask = STORAGE_STATUS_MASK;
    /// Object Group Member; KMIP 1.1 and later.
    object_group_member: opt ObjectGroupMember = OBJECT_GROUP_MEMBER;
    /// The attributes: repeated Attribute in KMIP 1.x, one Attributes in 2.x.
    attributes: attrs Attributes<'a> = ATTRIBUTE | ATTRIBUTES;
}

structure! {
    /// Response payload of Locate.
    LocateResponse = spec::operation::LOCATE.response;

    /// Located Items; KMIP 1.3 and later.
    located_items: opt i32 = LOCATED_ITEMS;
    /// Unique Identifier.
    unique_identifiers: many UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}

structure! {
    /// Request payload of Check.
    CheckRequest = spec::operation::CHECK.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Usage Limits Count.
    usage_limits_count: opt i64 = USAGE_LIMITS_COUNT;
    /// Cryptographic Usage Mask.
    cryptographic_usage_mask: opt CryptographicUsageMask = CRYPTOGRAPHIC_USAGE_MASK;
    /// Lease Time.
    lease_time: opt Interval = LEASE_TIME;
}

structure! {
    /// Response payload of Check.
    CheckResponse = spec::operation::CHECK.response;

    /// Unique Identifier; absent when the check refuses the use.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Usage Limits Count.
    usage_limits_count: opt i64 = USAGE_LIMITS_COUNT;
    /// Cryptographic Usage Mask.
    cryptographic_usage_mask: opt CryptographicUsageMask = CRYPTOGRAPHIC_USAGE_MASK;
    /// Lease Time.
    lease_time: opt Interval = LEASE_TIME;
}

structure! {
    /// Request payload of Get.
    GetRequest = spec::operation::GET.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Key Format Type.
    key_format_type: opt KeyFormatType = KEY_FORMAT_TYPE;
    /// Key Wrap Type; KMIP 1.4 and later.
    key_wrap_type: opt KeyWrapType = KEY_WRAP_TYPE;
    /// Key Compression Type.
    key_compression_type: opt KeyCompressionType = KEY_COMPRESSION_TYPE;
    /// Key Wrapping Specification.
    key_wrapping_specification: opt Nested<'a, KeyWrappingSpecification<'a>> = KEY_WRAPPING_SPECIFICATION;
}

structure! {
    /// Response payload of Get.
    GetResponse = spec::operation::GET.response;

    /// Object Type.
    object_type: req ObjectType = OBJECT_TYPE;
    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// The object.
    object: object ManagedObject<'a> =;
}

structure! {
    /// Request payload of Obtain Lease.
    ObtainLeaseRequest = spec::operation::OBTAIN_LEASE.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}

structure! {
    /// Response payload of Obtain Lease.
    ObtainLeaseResponse = spec::operation::OBTAIN_LEASE.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Lease Time.
    lease_time: req Interval = LEASE_TIME;
    /// Last Change Date.
    last_change_date: req DateTime = LAST_CHANGE_DATE;
}

structure! {
    /// Request payload of Get Usage Allocation.
    GetUsageAllocationRequest = spec::operation::GET_USAGE_ALLOCATION.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Usage Limits Count.
    usage_limits_count: req i64 = USAGE_LIMITS_COUNT;
}

structure! {
    /// Response payload of Get Usage Allocation.
    GetUsageAllocationResponse = spec::operation::GET_USAGE_ALLOCATION.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}
