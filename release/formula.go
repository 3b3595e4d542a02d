package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// brew is the Homebrew formula of the archives.
var brew = template.Must(template.New("").Parse(`class Snowstream < Formula
  desc "Amazon Kinesis to Snowflake, exactly once"
  homepage "https://github.com/snowstream/snowstream"
  version "{{.Version}}"
  license "Apache-2.0"
{{range .Systems}}
  on_{{.Brew}} do{{range .Archives}}
    on_{{.Brew}} do
      url "https://github.com/snowstream/snowstream/releases/download/v{{$.Version}}/{{.File}}"
      sha256 "{{.Sum}}"
    end{{end}}
  end
{{end}}
  def install
    bin.install "snowstream"
    (lib/"snowstream").install "functions"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/snowstream.bash" => "snowstream"
    zsh_completion.install "completions/snowstream.zsh" => "_snowstream"
    fish_completion.install "completions/snowstream.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/snowstream version")
  end
end
`))

type system struct {
	Brew     string
	Archives []archived
}

type archived struct{ Brew, File, Sum string }

// formula writes snowstream.rb for the archives that lie in dir; one of the four that is not there is an error.
func formula(version, dir string) error {
	var systems []system
	for _, s := range []struct{ os, brew string }{{"darwin", "macos"}, {"linux", "linux"}} {
		one := system{Brew: s.brew}
		for _, a := range []struct{ arch, brew string }{{"arm64", "arm"}, {"amd64", "intel"}} {
			file := target{version: version, os: s.os, arch: a.arch}.name() + ".tar.gz"
			sum, err := sumOf(filepath.Join(dir, file))
			if err != nil {
				return fmt.Errorf("the formula needs all four archives: %w", err)
			}
			one.Archives = append(one.Archives, archived{a.brew, file, sum})
		}
		systems = append(systems, one)
	}
	var text bytes.Buffer
	if err := brew.Execute(&text, map[string]any{"Version": strings.TrimPrefix(version, "v"), "Systems": systems}); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "snowstream.rb"), text.Bytes(), 0o644); err != nil {
		return err
	}
	return sums(dir)
}
