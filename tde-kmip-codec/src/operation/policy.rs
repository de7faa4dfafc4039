//! Rights, constraints and defaults.

use crate::{
    attribute::{Attributes, UniqueIdentifier, UsageLimits},
    codec::DateTimeExtended,
    spec::{
        self,
        enumeration::{ObjectType, Operation, ProcessingStage},
        mask::ProtectionStorageMask,
    },
};

structure! {
    /// Rights; KMIP 2.0 and later.
    Rights = spec::structure::RIGHTS.fields;

    /// Right.
    rights: many Right<'a> = RIGHT;
}

structure! {
    /// Right; KMIP 2.0 and later.
    Right = spec::structure::RIGHT.fields;

    /// Usage Limits.
    usage_limits: opt UsageLimits<'a> = USAGE_LIMITS;
    /// Operations.
    operations: opt Operations<'a> = OPERATIONS;
    /// Objects.
    objects: opt Objects<'a> = OBJECTS;
    /// Object Groups; KMIP 2.1 only.
    object_groups: opt ObjectGroups<'a> = OBJECT_GROUPS;
}

structure! {
    /// Objects; KMIP 2.0 and later.
    Objects = spec::structure::OBJECTS.fields;

    /// Unique Identifier.
    unique_identifiers: many UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}

structure! {
    /// Operations; KMIP 2.0 and later.
    Operations = spec::structure::OPERATIONS.fields;

    /// Operation.
    operations: many Operation = OPERATION;
}

structure! {
    /// Object Groups; KMIP 2.1 only.
    ObjectGroups = spec::structure::OBJECT_GROUPS.fields;

    /// Object Group.
    object_groups: many &'a str = OBJECT_GROUP;
}

structure! {
    /// Object Types; KMIP 2.1 only.
    ObjectTypes = spec::structure::OBJECT_TYPES.fields;

    /// Object Type.
    object_types: many ObjectType = OBJECT_TYPE;
}

structure! {
    /// Constraints; KMIP 2.1 only.
    Constraints = spec::structure::CONSTRAINTS.fields;

    /// Constraint.
    constraints: many Constraint<'a> = CONSTRAINT;
}

structure! {
    /// Constraint; KMIP 2.1 only.
    Constraint = spec::structure::CONSTRAINT.fields;

    /// Object Types.
    object_types: opt ObjectTypes<'a> = OBJECT_TYPES;
    /// Object Groups.
    object_groups: opt ObjectGroups<'a> = OBJECT_GROUPS;
    /// Attributes.
    attributes: opt Attributes<'a> = ATTRIBUTES;
}

structure! {
    /// Defaults Information; KMIP 2.0 and later.
    DefaultsInformation = spec::structure::DEFAULTS_INFORMATION.fields;

    /// Object Defaults; required in KMIP 2.0 only.
    object_defaults: many ObjectDefaults<'a> = OBJECT_DEFAULTS;
}

structure! {
    /// Object Defaults; KMIP 2.0 and later.
    ObjectDefaults = spec::structure::OBJECT_DEFAULTS.fields;

    /// Object Type; there when Object Types is absent.
    object_type: opt ObjectType = OBJECT_TYPE;
    /// Object Types; KMIP 2.1 only; there when Object Type is absent.
    object_types: opt ObjectTypes<'a> = OBJECT_TYPES;
    /// Attributes.
    attributes: req Attributes<'a> = ATTRIBUTES;
    /// Object Groups; KMIP 2.1 only.
    object_groups: opt ObjectGroups<'a> = OBJECT_GROUPS;
}

structure! {
    /// Protection Storage Masks; KMIP 2.0 and later.
    ProtectionStorageMasks = spec::structure::PROTECTION_STORAGE_MASKS.fields;

    /// Protection Storage Mask.
    masks: many ProtectionStorageMask = PROTECTION_STORAGE_MASK;
}

structure! {
    /// Asynchronous Request; KMIP 2.1 only.
    AsynchronousRequest = spec::structure::ASYNCHRONOUS_REQUEST.fields;

    /// Asynchronous Correlation Value.
    asynchronous_correlation_value: req &'a [u8] = ASYNCHRONOUS_CORRELATION_VALUE;
    /// Operation.
    operation: req Operation = OPERATION;
    /// Submission Date.
    submission_date: req DateTimeExtended = SUBMISSION_DATE;
    /// Processing Stage.
    processing_stage: req ProcessingStage = PROCESSING_STAGE;
}

structure! {
    /// Asynchronous Correlation Values; KMIP 2.1 only.
    AsynchronousCorrelationValues = spec::structure::ASYNCHRONOUS_CORRELATION_VALUES.fields;

    /// Asynchronous Correlation Value.
    values: many &'a [u8] = ASYNCHRONOUS_CORRELATION_VALUE;
}
