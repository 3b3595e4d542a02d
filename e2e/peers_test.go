package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snowstream/snowstream/internal/child"
)

// peer runs a program of another language against a running stack.
func peer(t *testing.T, name string, command func(settings string) []string) {
	t.Helper()
	dir := t.TempDir()
	l := start(t, dir, "--rate", "0.001", "--batch-window", "1s")
	l.ready(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args := command(filepath.Join(dir, "settings.json"))
	out, err := child.Bind(exec.CommandContext(ctx, args[0], args[1:]...)).CombinedOutput()
	if err != nil || !strings.Contains(string(out), name+" ok") {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
	l.stop(t).complete(t)
}

// pythonPeer is a Python with the clients.
func pythonPeer(t *testing.T) string {
	python := os.Getenv("SNOWSTREAM_PYTHON")
	if python == "" {
		t.Skip("not run: `pip install boto3 'snowflake-connector-python[pandas]'` into a virtual environment, and set SNOWSTREAM_PYTHON to its python")
	}
	return python
}

// TestPython is the original's Python code: boto3 and the official connector.
func TestPython(t *testing.T) {
	python := pythonPeer(t)
	peer(t, "python", func(settings string) []string { return []string{python, "testdata/peer.py", settings} })
}

// TestPythonConnector4 is the same with the connector that dbt and others still take.
func TestPythonConnector4(t *testing.T) {
	python := os.Getenv("SNOWSTREAM_PYTHON_CONNECTOR4")
	if python == "" {
		t.Skip("not run: `pip install boto3 'snowflake-connector-python[pandas]==4.8.1'` into a virtual environment, and set SNOWSTREAM_PYTHON_CONNECTOR4 to its python")
	}
	peer(t, "python", func(settings string) []string { return []string{python, "testdata/peer.py", settings} })
}

// TestNode is the AWS SDK for JavaScript on its defaults.
func TestNode(t *testing.T) {
	modules := os.Getenv("SNOWSTREAM_NODE_SDK")
	if modules == "" {
		t.Skip("not run: `npm install @aws-sdk/client-kinesis @aws-sdk/client-s3 @aws-sdk/client-lambda` in a folder, and set SNOWSTREAM_NODE_SDK to it")
	}
	peer(t, "node", func(settings string) []string {
		ca := filepath.Join(filepath.Dir(settings), "tls", "ca.pem")
		return []string{"env", "NODE_EXTRA_CA_CERTS=" + ca, "node", "testdata/peer.mjs", settings, modules}
	})
}

// TestNodeDriver is the official Snowflake driver for Node.js.
func TestNodeDriver(t *testing.T) {
	modules := os.Getenv("SNOWSTREAM_NODE_DRIVER")
	if modules == "" {
		t.Skip("not run: `npm install snowflake-sdk` in a folder, and set SNOWSTREAM_NODE_DRIVER to it")
	}
	peer(t, "driver", func(settings string) []string { return []string{"node", "testdata/driver.mjs", settings, modules} })
}

// TestSQLAlchemy is SQLAlchemy with Snowflake's dialect, and pandas on top of it.
func TestSQLAlchemy(t *testing.T) {
	python := os.Getenv("SNOWSTREAM_SQLALCHEMY")
	if python == "" {
		t.Skip("not run: `pip install snowflake-sqlalchemy 'snowflake-connector-python[pandas]'` into a virtual environment, and set SNOWSTREAM_SQLALCHEMY to its python")
	}
	peer(t, "alchemy", func(settings string) []string { return []string{python, "testdata/alchemy.py", settings} })
}

// TestJavaStreams is the AWS SDK for Java on its defaults, its synchronous and its asynchronous client.
func TestJavaStreams(t *testing.T) {
	jars := os.Getenv("SNOWSTREAM_JAVA_SDK")
	if jars == "" {
		t.Skip("not run: get software.amazon.awssdk:kinesis:2.31.0 and what it depends on from Maven Central into a folder, and set SNOWSTREAM_JAVA_SDK to it; it needs Java 17")
	}
	peer(t, "streams", func(settings string) []string {
		return []string{"java", "-cp", filepath.Join(jars, "*"), "testdata/Streams.java", settings}
	})
}

// TestJava is the original's Java code: the official JDBC driver.
func TestJava(t *testing.T) {
	jar := os.Getenv("SNOWSTREAM_JDBC")
	if jar == "" {
		t.Skip("not run: get net.snowflake:snowflake-jdbc:3.24.2 from Maven Central, and set SNOWSTREAM_JDBC to the jar; it needs Java 17")
	}
	peer(t, "java", func(settings string) []string {
		return []string{"java", "-cp", jar, "testdata/Peer.java", settings}
	})
}

// TestFunctions deploys functions of a user's own beside ours, as to AWS.
func TestFunctions(t *testing.T) {
	python := pythonPeer(t)
	// A function finds boto3 where `snowstream local` finds Python.
	t.Setenv("PATH", filepath.Dir(python)+string(os.PathListSeparator)+os.Getenv("PATH"))
	bootstrap := filepath.Join(t.TempDir(), "bootstrap")
	build := exec.Command("go", "build", "-trimpath", "-o", bootstrap, "testdata/bootstrap/main.go")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	peer(t, "functions", func(settings string) []string { return []string{python, "testdata/functions.py", settings, bootstrap} })
}
