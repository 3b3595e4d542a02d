package s3

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/rclone/gofakes3"
)

// kept is a setting of a bucket that is kept and shown again, so that tools which manage buckets find what they set. None of
// them but the lifecycle and the versioning has an effect here.
type kept struct {
	parameter string // of the query
	root      string // of its XML document; empty is JSON
	// missing and message are the error while it is not set; standard is the document then, where AWS has one.
	missing, message, standard string
}

const versioning = "versioning"

// parseVersioning reads a bucket's versioning.
func parseVersioning(document []byte) (status string, err error) {
	var in struct {
		XMLName   xml.Name `xml:"VersioningConfiguration"`
		Status    string
		MFADelete string `xml:"MfaDelete"`
	}
	switch err := xml.Unmarshal(document, &in); {
	case err != nil, in.Status != versionsEnabled && in.Status != versionsSuspended:
		return "", malformed()
	case in.MFADelete == "Enabled":
		return "", refuse(gofakes3.ErrNotImplemented, "MFA delete is not supported")
	}
	return in.Status, nil
}

// loadVersioning reads a bucket's versioning when the server opens.
func (b *backend) loadVersioning(bucket string) (string, error) {
	document, err := os.ReadFile(b.disk.path(folderBuckets, bucket, settingFile(versioning)))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return parseVersioning(document)
}

// keptSettings never changes.
var keptSettings = []kept{
	{parameter: "tagging", root: "Tagging", missing: "NoSuchTagSet", message: "The TagSet does not exist"},
	{parameter: "publicAccessBlock", root: "PublicAccessBlockConfiguration", missing: "NoSuchPublicAccessBlockConfiguration",
		message: "The public access block configuration was not found"},
	{parameter: "encryption", root: "ServerSideEncryptionConfiguration",
		standard: `<ServerSideEncryptionConfiguration xmlns="` + xmlNamespace + `"><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>` +
			`</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>`},
	{parameter: "ownershipControls", root: "OwnershipControls",
		standard: `<OwnershipControls xmlns="` + xmlNamespace + `"><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>`},
	{parameter: versioning, root: "VersioningConfiguration", standard: `<VersioningConfiguration xmlns="` + xmlNamespace + `"></VersioningConfiguration>`},
	{parameter: lifecycle, root: "LifecycleConfiguration", missing: "NoSuchLifecycleConfiguration", message: "The lifecycle configuration does not exist"},
	{parameter: "policy", missing: "NoSuchBucketPolicy", message: "The bucket policy does not exist"},
}

// keptSetting is the setting that a query asks for, or nil.
func keptSetting(query url.Values) *kept {
	for i := range keptSettings {
		if query.Has(keptSettings[i].parameter) {
			return &keptSettings[i]
		}
	}
	return nil
}

func (k *kept) file() string { return settingFile(k.parameter) }

func settingFile(parameter string) string { return "setting-" + parameter }

// check refuses what is no document of the setting.
func (k *kept) check(document []byte) error {
	if k.root == "" {
		if !json.Valid(document) {
			return refuse(gofakes3.ErrInvalidArgument, "Policies must be valid JSON and the first byte must be '{'")
		}
		return nil
	}
	var in struct{ XMLName xml.Name }
	if xml.Unmarshal(document, &in) != nil || in.XMLName.Local != k.root {
		return malformed()
	}
	switch k.parameter {
	case versioning:
		_, err := parseVersioning(document)
		return err
	case lifecycle:
		_, err := parseLifecycle(document)
		return err
	}
	return nil
}

// serveKept answers a kept setting of a bucket.
func (b *backend) serveKept(w http.ResponseWriter, r *http.Request, name string, k *kept) error {
	bk, err := b.bucket(name)
	if err != nil {
		return err
	}
	folder := b.disk.path(folderBuckets, name)
	switch r.Method {
	case http.MethodGet:
		return b.showKept(w, r, folder, k)
	case http.MethodPut:
		document, err := io.ReadAll(io.LimitReader(r.Body, maxSettingXML+1))
		if err != nil {
			return err
		}
		if document = bytes.TrimSpace(document); len(document) > maxSettingXML {
			return refuse(gofakes3.ErrMaxMessageLengthExceeded, "the document is longer than 64 KiB")
		}
		if err := k.check(document); err != nil {
			return err
		}
		bk.mu.Lock()
		defer bk.mu.Unlock()
		if bk.gone {
			return gofakes3.BucketNotFound(name)
		}
		if err := b.setKept(bk, k, document); err != nil {
			return internal(b.log, "storing the setting", err)
		}
		w.WriteHeader(http.StatusOK)
		return nil
	case http.MethodDelete:
		if k.parameter == versioning {
			return refuse(gofakes3.ErrMethodNotAllowed, "The specified method is not allowed against this resource.")
		}
		bk.mu.Lock()
		defer bk.mu.Unlock()
		if err := b.disk.remove(folder, k.file()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return internal(b.log, "deleting the setting", err)
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return refuse(gofakes3.ErrMethodNotAllowed, k.parameter+" takes GET, PUT and DELETE")
}

// setKept makes a setting durable; bk.mu is held, so that every change of an object is before or after it.
func (b *backend) setKept(bk *bucket, k *kept, document []byte) error {
	folder := b.disk.path(folderBuckets, bk.name)
	if k.parameter == versioning {
		if err := makeFolder(b.disk.path(folderBuckets, bk.name, folderVersions)); err != nil {
			return err
		}
	}
	if err := b.disk.write(folder, k.file(), document); err != nil {
		return err
	}
	if k.parameter == versioning {
		bk.versioning, _ = parseVersioning(document) // it was parsed before
	}
	return nil
}

func (b *backend) showKept(w http.ResponseWriter, r *http.Request, folder string, k *kept) error {
	document, err := os.ReadFile(filepath.Join(folder, k.file()))
	switch {
	case errors.Is(err, fs.ErrNotExist) && k.standard != "":
		document = []byte(k.standard)
	case errors.Is(err, fs.ErrNotExist):
		answerError(w, r, http.StatusNotFound, k.missing, k.message)
		return nil
	case err != nil:
		return internal(b.log, "reading the setting", err)
	}
	w.Header().Set("Content-Type", "application/xml")
	if k.root == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	_, _ = w.Write(document) // a client that went away needs no answer
	return nil
}
