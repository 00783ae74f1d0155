//! What a run costs that has nothing to do, counted.

use crate::support::cloud::ACR;
use crate::support::cloud_estate::filled;
use crate::support::traffic::What;

#[test]
fn two_hundred_artifacts_in_place_cost_one_credential_one_manifest_and_a_request_each() {
    let (cloud, project) = filled(200);
    // The first run writes the lock.
    cloud.aosm(&project, &["apply"]).run().ok().says("200");
    for command in [&["plan", "--detailed-exitcode"][..], &["apply"]] {
        let mark = cloud.mark();
        cloud.aosm(&project, command).run().ok().says("nothing to do");
        let asked = cloud.since(&mark);
        assert_eq!((asked.credentials(), asked.manifests()), (1, 1), "{:#?}", asked.arm);
        assert_eq!(asked.arm.len(), 3, "{:#?}", asked.arm);
        let all = asked.of(ACR);
        let good = all
            .iter()
            .filter(|entry| entry.what == What::Manifest && entry.status == 200);
        assert_eq!(good.count(), 200);
        // The first of all may be the one that is challenged.
        assert!(all.len() <= 201, "{} requests", all.len());
        assert_eq!(asked.writes(ACR), 0);
    }
}
