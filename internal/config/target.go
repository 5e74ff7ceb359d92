package config

// Target is one place where public copies lie; exactly one of directory, s3, gcs and azure.
type Target struct {
	// Name of the target in reports and receipts.
	Name string `yaml:"name"`
	// Layout of the OCSP responses: bundle (default) or objects.
	Layout string `yaml:"layout"`
	// Directory target.
	Directory Path `yaml:"directory"`
	// S3 target.
	S3 *S3 `yaml:"s3"`
	// GCS target.
	GCS *GCS `yaml:"gcs"`
	// Azure target.
	Azure *Azure `yaml:"azure"`
	// URL under which the target's copies are public; used by verify and probe.
	URL string `yaml:"url"`
	// OtherURLs are further addresses of the same copies, such as the old host name that stands in certificates: verify
	// and probe ask there, too.
	OtherURLs []string `yaml:"other_urls"`
	// OCSP says that a responder answers below the URL, so that probe asks it too, and below each of other_urls that is
	// an address of it (repository.other_urls, serve.urls).
	OCSP bool `yaml:"ocsp"`
	// Trial says that this target may show what a token on trial signed (signer.policy) though its address is not this
	// machine's own.
	Trial bool `yaml:"trial"`
	// CDN is the cache behind the URL, for emergencies; omitted: there is none, or it is never purged.
	CDN *CDN `yaml:"cdn"`
	// Timeout of a whole sync of this target; default 30m.
	Timeout Duration `yaml:"timeout"`
}

// S3 is a bucket of Amazon S3 or of a compatible store. Credentials come from the SDK's chain.
type S3 struct {
	// Bucket name.
	Bucket string `yaml:"bucket"`
	// Region of the bucket.
	Region string `yaml:"region"`
	// Prefix before every public name; ends with "/" when set.
	Prefix string `yaml:"prefix"`
	// Endpoint of a compatible store; empty: Amazon.
	Endpoint string `yaml:"endpoint"`
	// PathStyle addresses the bucket in the path.
	PathStyle bool `yaml:"path_style"`
	// Profile of the shared AWS configuration; empty: the default.
	Profile string `yaml:"profile"`
	// Owner is the AWS account that must own the bucket; empty: not checked.
	Owner string `yaml:"owner"`
}

// GCS is a bucket of Google Cloud Storage. Credentials come from the library's chain.
type GCS struct {
	// Bucket name.
	Bucket string `yaml:"bucket"`
	// Prefix before every public name; ends with "/" when set.
	Prefix string `yaml:"prefix"`
}

// Azure is a container of Azure Blob Storage. Who is let in: the secret that access_file or access_credential names,
// else the variables AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, else the identity of the host (docs/azure.md).
type Azure struct {
	// Account is the storage account.
	Account string `yaml:"account"`
	// Container name.
	Container string `yaml:"container"`
	// Prefix before every public name; ends with "/" when set.
	Prefix string `yaml:"prefix"`
	// Endpoint of the blob service; default: https://ACCOUNT.blob.core.windows.net.
	Endpoint string `yaml:"endpoint"`
	// AccessFile of mode 0600 holds a shared access signature (sv=…&sig=…), or a key of the account, which allows far
	// more than publishing needs.
	AccessFile Path `yaml:"access_file"`
	// AccessCredential is the name of a systemd credential with the same content.
	AccessCredential string `yaml:"access_credential"`
}
