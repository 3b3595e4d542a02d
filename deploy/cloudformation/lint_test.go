package cloudformation

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snowstream/snowstream/deploy/cloudformation/resolve"
)

// peer is a program that a check needs, by the environment variable that says where it is.
func peer(t *testing.T, variable, install string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Skipf("not run: %s names no program; python3 -m venv v && v/bin/pip install %s, and set it to the program in v/bin", variable, install)
	}
	return path
}

func TestCfnLint(t *testing.T) {
	lint := peer(t, "SNOWSTREAM_CFN_LINT", "cfn-lint==1.58.0")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, region := range []string{"us-east-1", "eu-central-1"} {
		out, err := exec.CommandContext(ctx, lint, "--regions", region, "--", "template.yaml").CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", region, err, out)
		}
	}
	spoiled := filepath.Join(t.TempDir(), "template.yaml")
	text := strings.Replace(string(template), "SqsManagedSseEnabled: ", "SqsManagedSse: ", 1)
	if err := os.WriteFile(spoiled, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(ctx, lint, spoiled).CombinedOutput(); err == nil {
		t.Errorf("a property that does not exist was not found: %s", out)
	}
}

// TestCheckov: no finding but those that the template excuses, and no excuse without its finding.
func TestCheckov(t *testing.T) {
	checkov := peer(t, "SNOWSTREAM_CHECKOV", "checkov==3.3.30")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "template.yaml"), template, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(ctx, checkov, "-f", "template.yaml", "--framework", "cloudformation", "--skip-download", "-o", "json")
	// Proxies that refuse: it would ask its maker's servers for advice on findings.
	c.Dir, c.Env = dir, append(os.Environ(), "HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "HOME="+dir)
	out, err := c.Output()
	if len(out) == 0 {
		t.Fatalf("checkov said nothing: %v", err)
	}
	type finding struct {
		ID       string `json:"check_id"`
		Name     string `json:"check_name"`
		Resource string `json:"resource"`
	}
	var report struct {
		Results struct {
			Passed  []finding `json:"passed_checks"`
			Failed  []finding `json:"failed_checks"`
			Skipped []finding `json:"skipped_checks"`
		} `json:"results"`
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("%v: %.500s", err, out)
	}
	for _, f := range report.Results.Failed {
		t.Errorf("%s %s: %s", f.Resource, f.ID, f.Name)
	}
	if len(report.Results.Passed) < 20 {
		t.Errorf("only %d checks passed: did it read the template?", len(report.Results.Passed))
	}
	found := map[string]bool{}
	for _, f := range report.Results.Skipped {
		found[f.Resource[strings.LastIndexByte(f.Resource, '.')+1:]+" "+f.ID] = true
	}
	excused := map[string]bool{}
	each(t, func(t *testing.T, _ Parameters, r map[string]resolve.Resource) {
		for id, resource := range r {
			skips, _ := at(resource.Metadata, "checkov", "skip").([]any)
			for _, skip := range skips {
				excused[fmt.Sprint(id, " ", at(skip, "id"))] = len(fmt.Sprint(at(skip, "comment"))) > 20
			}
		}
	})
	for excuse, reason := range excused {
		if !reason || !found[excuse] {
			t.Errorf("%s is excused without a reason, or without a finding", excuse)
		}
	}
	t.Logf("%d checks passed, %d excused", len(report.Results.Passed), len(excused))
}
