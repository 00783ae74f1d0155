//! Behaviour through the binary.
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    missing_docs,
    reason = "a test that panics is a test that fails, with the reason in the panic"
)]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "a toolbox: not every tool is in use at every moment")]
mod support;

mod acr;
mod aosm_bad_input;
mod aosm_disks;
mod aosm_doctor;
mod aosm_expiry;
mod aosm_kills;
mod aosm_one_off;
mod aosm_speed;
mod aosm_stores;
mod arm_bad_input;
mod arm_client;
mod arm_commands;
mod arm_login;
mod arm_templates;
#[cfg(unix)]
mod arm_templates_bicep;
mod artifact_attach;
mod artifact_copy;
mod artifact_delete;
mod artifact_discover;
mod artifact_listing;
mod artifact_manifest_commands;
mod artifact_manifest_generate;
mod artifact_manifest_seal;
mod artifact_pull;
mod artifact_push;
mod artifact_stores_doc;
mod artifacts;
mod attachments;
mod bad_input_artifacts;
mod bad_input_charts;
mod bad_input_disk;
mod bad_input_project;
mod bad_input_registries;
mod bad_input_vhd;
mod bad_input_vhd_project;
mod bad_input_yaml;
mod blob_secrets;
mod blob_service;
mod blob_sockets;
mod bundle;
mod certificates;
mod ci_cache;
mod ci_examples;
mod cli_output;
mod cli_output_aosm;
mod cli_output_bad;
mod cli_output_export;
mod cli_output_paths;
mod cloud;
mod contoso_fixture;
mod copied_referrers;
mod copy_costs;
mod damage;
mod discovery;
mod doctor;
mod documents;
mod entra;
mod entra_jobs;
mod entra_refusals;
mod families;
mod from_az_aosm;
mod from_oras;
mod harness;
mod harness_faults;
mod harness_registry_faults;
mod imports;
mod interop;
mod interop_copy;
mod kills;
mod large_blobs;
mod locking;
mod login;
mod mission;
mod native_referrers;
mod nsd_input;
mod policy;
mod power_cuts;
mod project_files;
mod referrers;
mod registry_endpoints;
mod registry_room;
mod registry_to_registry;
mod renewals;
mod screen;
mod second_run;
mod secrets;
mod socket_faults;
mod sources;
mod store_artifacts;
mod terminal;
mod traversal;
mod values_paths;
mod vhd_check;
mod vhd_copy;
mod vhd_copy_pending;
mod vhd_download;
mod vhd_end_to_end;
mod vhd_faults;
mod vhd_kills;
mod vhd_project;
mod vhd_resume;
mod vhd_upload;
mod vnf_input;
mod vnf_nexus;
mod walkthrough;
mod worked_example;
