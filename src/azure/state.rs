//! Words of the service that are one of a few. A word that is not known stays as it is: services gain states, and an old
//! program must still be able to show them.

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
            /// A word that this version does not know, as it came.
            Other(String),
        }

        impl $name {
            /// Reads the service's word, in any case.
            pub fn read(text: &str) -> Self {
                $(if text.eq_ignore_ascii_case($text) { return Self::$variant; })+
                Self::Other(text.to_owned())
            }

            /// The service's word.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What backs an artifact store (`storeType`).
    StoreType {
        /// An Azure container registry.
        Registry = "AzureContainerRegistry",
        /// An Azure storage account.
        StorageAccount = "AzureStorageAccount",
    }
}

words! {
    /// Whether what backs a store can be reached from anywhere (`backingResourcePublicNetworkAccess`).
    PublicAccess {
        /// From anywhere.
        Enabled = "Enabled",
        /// By private endpoints only.
        Disabled = "Disabled",
    }
}

words! {
    /// How far Resource Manager is with a resource (`provisioningState`).
    ProvisioningState {
        /// Nobody knows.
        Unknown = "Unknown",
        /// It is there.
        Succeeded = "Succeeded",
        /// It is being made.
        Accepted = "Accepted",
        /// It is going.
        Deleting = "Deleting",
        /// It could not be made.
        Failed = "Failed",
        /// Making it was given up.
        Canceled = "Canceled",
        /// It is gone.
        Deleted = "Deleted",
        /// It is being changed into another form.
        Converting = "Converting",
    }
}

words! {
    /// What may be done with a manifest (`artifactManifestState`).
    ManifestState {
        /// Nobody knows.
        Unknown = "Unknown",
        /// Artifacts may be pushed.
        Uploading = "Uploading",
        /// Sealed: nothing changes any more.
        Uploaded = "Uploaded",
        /// On its way to being sealed.
        Validating = "Validating",
        /// What was pushed is not what the manifest lists.
        ValidationFailed = "ValidationFailed",
        /// Sealed and found to be good.
        Succeeded = "Succeeded",
    }
}

words! {
    /// What may be done with one version of an artifact (`artifactState`).
    ArtifactState {
        /// Nobody knows.
        Unknown = "Unknown",
        /// May still change.
        Preview = "Preview",
        /// Does not change any more.
        Active = "Active",
        /// Should not be used any more.
        Deprecated = "Deprecated",
    }
}

words! {
    /// What an artifact is (`artifactType` of a manifest's entries).
    ArtifactType {
        /// Nobody knows.
        Unknown = "Unknown",
        /// A container image, a chart, any files in a registry.
        OciArtifact = "OCIArtifact",
        /// A template of Resource Manager in a registry.
        ArmTemplate = "ArmTemplate",
        /// The disk image of a virtual machine in a registry.
        ImageFile = "ImageFile",
        /// A disk image in a storage account.
        VhdImageFile = "VhdImageFile",
    }
}

impl ManifestState {
    /// May artifacts still be pushed?
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Uploading)
    }

    /// Is it closed for good?
    pub fn is_sealed(&self) -> bool {
        matches!(self, Self::Uploaded | Self::Succeeded)
    }

    /// Is this the end of sealing, good or bad?
    pub fn is_end_of_sealing(&self) -> bool {
        matches!(self, Self::Uploaded | Self::Succeeded | Self::ValidationFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_are_read_in_any_case_and_unknown_ones_survive() {
        assert_eq!(ManifestState::read("uploaded"), ManifestState::Uploaded);
        assert_eq!(StoreType::read("AzureContainerRegistry"), StoreType::Registry);
        let odd = ManifestState::read("Embalmed");
        assert_eq!(odd.as_str(), "Embalmed");
        assert!(!odd.is_open() && !odd.is_end_of_sealing());
    }
}
