// What these artifact manifests list is what the project needs.
param location string
param publisherName string
param acrArtifactStoreName string
param acrManifestName string
param saArtifactStoreName string
param saManifestName string

resource publisher 'Microsoft.HybridNetwork/publishers@2024-04-15' existing = {
  name: publisherName
  scope: resourceGroup()
}

resource acrArtifactStore 'Microsoft.HybridNetwork/publishers/artifactStores@2024-04-15' existing = {
  parent: publisher
  name: acrArtifactStoreName
}

resource acrArtifactManifest 'Microsoft.Hybridnetwork/publishers/artifactStores/artifactManifests@2024-04-15' = {
  parent: acrArtifactStore
  name: acrManifestName
  location: location
  properties: {
    artifacts: [
      {
        artifactName: 'contoso-cnf'
        artifactType: 'OCIArtifact'
        artifactVersion: '1.0.0_build.7'
      }
      {
        artifactName: 'release/contoso-a'
        artifactType: 'OCIArtifact'
        artifactVersion: '1.0.0'
      }
      {
        artifactName: 'vnf-template'
        artifactType: 'ArmTemplate'
        artifactVersion: '1.0.0'
      }
    ]
  }
}

resource saArtifactStore 'Microsoft.HybridNetwork/publishers/artifactStores@2024-04-15' existing = {
  parent: publisher
  name: saArtifactStoreName
}

resource saArtifactManifest 'Microsoft.Hybridnetwork/publishers/artifactStores/artifactManifests@2024-04-15' = {
  parent: saArtifactStore
  name: saManifestName
  location: location
  properties: {
    artifacts: [
      {
        artifactName: 'ubuntu-vm-vhd'
        artifactType: 'VhdImageFile'
        artifactVersion: '1-0-0'
      }
    ]
  }
}
