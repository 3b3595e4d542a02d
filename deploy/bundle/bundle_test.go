package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/snowstream/snowstream/internal/long"
	"github.com/snowstream/snowstream/internal/ministack"
)

// largest is what a zip may have: an upload and a cold start take time by size.
const largest = 8 << 20

// TestReproducible builds the functions in the module itself and in a copy of it elsewhere.
func TestReproducible(t *testing.T) {
	long.Test(t)
	here, err := FindModule(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "a folder")
	copyModule(t, here, elsewhere)
	var bundles []Bundle
	for _, module := range []string{here, elsewhere} {
		b, err := Build(t.Context(), Source{Module: module, Schema: []byte("columns: []\n")}, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		bundles = append(bundles, b)
	}
	for i, z := range []Zip{bundles[0].Orchestrator, bundles[0].Upsert} {
		other := []Zip{bundles[1].Orchestrator, bundles[1].Upsert}[i]
		one, two := read(t, z.Path), read(t, other.Path)
		if !bytes.Equal(one, two) || z.Key() != other.Key() {
			t.Errorf("%s: built twice, it is %s and %s", z.Function, z.Key(), other.Key())
		}
		t.Logf("%s: %.1f MB zipped", z.Key(), float64(z.Size)/1e6)
		if z.Size > largest || z.Size != int64(len(one)) {
			t.Errorf("%s has %d bytes, %d are the most", z.Function, z.Size, largest)
		}
		program := entries(t, one)["bootstrap"]
		if err := runs(program, "arm64"); err != nil {
			t.Errorf("%s %v", z.Function, err)
		}
		if bytes.Contains(program, []byte(here)) {
			t.Errorf("%s holds the path of the folder that it was built in", z.Function)
		}
	}
}

// copyModule copies what the functions are built from.
func copyModule(t *testing.T, from, to string) {
	t.Helper()
	for _, part := range []string{"go.mod", "go.sum", "cmd", "internal", "record", "processing", "landing", "snowpipe"} {
		err := filepath.WalkDir(filepath.Join(from, part), func(path string, d fs.DirEntry, err error) error {
			relative, _ := filepath.Rel(from, path)
			if err != nil || d.IsDir() {
				return errors.Join(err, os.MkdirAll(filepath.Join(to, relative), 0o755))
			}
			text, err := os.ReadFile(path)
			return errors.Join(err, os.MkdirAll(filepath.Dir(filepath.Join(to, relative)), 0o755), os.WriteFile(filepath.Join(to, relative), text, 0o600))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// entries unpacks a zip and checks what would make two of them differ.
func entries(t *testing.T, text []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range z.File {
		wanted := map[string]fs.FileMode{"bootstrap": 0o755, "schema.yaml": 0o644}[f.Name]
		if f.Mode() != wanted || !f.Modified.Equal(packed) {
			t.Errorf("%s has mode %v and time %v", f.Name, f.Mode(), f.Modified)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if out[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	return out
}

func TestPack(t *testing.T) {
	for _, tt := range []struct {
		schema string
		names  int
	}{{"", 1}, {"columns: []\n", 2}} {
		text, err := Pack([]byte("program"), []byte(tt.schema))
		if err != nil {
			t.Fatal(err)
		}
		got := entries(t, text)
		if len(got) != tt.names || string(got["bootstrap"]) != "program" || string(got["schema.yaml"]) != tt.schema {
			t.Errorf("%q became %q", tt.schema, got)
		}
	}
}

// TestRefused: a program that would not start in Lambda is named before it is uploaded, with what to do.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil || runtime.GOOS != "linux" {
		t.Skipf("not run: needs a Linux program to look at: %v", err)
	}
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	for name, tt := range map[string]struct {
		source Source
		says   string
	}{
		"no program":      {Source{OrchestratorProgram: script, UpsertProgram: script}, "no Linux program"},
		"another machine": {Source{OrchestratorProgram: self, UpsertProgram: self, Arch: other}, "GOARCH=" + other},
		"unknown machine": {Source{OrchestratorProgram: self, UpsertProgram: self, Arch: "riscv64"}, "arm64 and amd64"},
		"nothing":         {Source{}, "either"},
		"both":            {Source{Module: dir, OrchestratorProgram: self, UpsertProgram: self}, "either"},
		"no source":       {Source{Module: dir}, "build the function"},
		"not there":       {Source{OrchestratorProgram: filepath.Join(dir, "none"), UpsertProgram: self}, "no such file"},
	} {
		out := t.TempDir()
		_, err := Build(t.Context(), tt.source, out)
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadDir(out); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Build(ctx, Source{Module: "../.."}, t.TempDir()); err == nil {
		t.Error("built after the context had ended")
	}
}

// TestUpload: the bucket is closed, and what is there already is left alone.
func TestUpload(t *testing.T) {
	url, ctx := ministack.Start(t), t.Context()
	api := s3.New(s3.Options{
		BaseEndpoint: &url, Region: "eu-central-1", UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	for range 2 {
		if err := EnsureBucket(ctx, api, "aws", "000000000000", "eu-central-1", "artifacts"); err != nil {
			t.Fatal(err)
		}
	}
	bucket := aws.String("artifacts")
	blocked, err := api.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: bucket})
	if err != nil || !*blocked.PublicAccessBlockConfiguration.BlockPublicPolicy || !*blocked.PublicAccessBlockConfiguration.RestrictPublicBuckets {
		t.Errorf("public access: %+v, %v", blocked, err)
	}
	versions, err := api.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: bucket})
	if err != nil || versions.Status != "Enabled" {
		t.Errorf("versions: %+v, %v", versions, err)
	}
	policy, err := api.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: bucket})
	if err != nil || !strings.Contains(*policy.Policy, `"arn:aws:s3:::artifacts/*"`) || !strings.Contains(*policy.Policy, "aws:SecureTransport") {
		t.Errorf("policy: %+v, %v", policy, err)
	}
	z, err := write(t.TempDir(), Upsert, []byte("program"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Upload(ctx, api, "000000000000", "artifacts", z); err != nil {
			t.Fatal(err)
		}
	}
	listed, err := api.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: bucket})
	if err != nil || len(listed.Versions) != 1 || *listed.Versions[0].Key != "upsert/"+z.SHA256+".zip" || *listed.Versions[0].Size != z.Size {
		t.Errorf("%+v, %v", listed, err)
	}
}
