package main

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/snowstream/snowstream/producer"
	"github.com/snowstream/snowstream/producer/template"
	"github.com/snowstream/snowstream/record"
)

// TestProtect: only this machine may go without a token.
func TestProtect(t *testing.T) {
	for _, c := range []struct {
		address, token string
		want           bool
		host           string
	}{
		{"127.0.0.1", "", false, ""},
		{"127.0.0.2", "", false, ""},
		{"::1", "", false, ""},
		{"192.0.2.7", "", true, "192.0.2.7"},
		{"0.0.0.0", "", true, "127.0.0.1"},
		{"::", "", true, "127.0.0.1"},
		{"192.0.2.7", "a-token-of-my-own", true, "192.0.2.7"},
	} {
		p := &page{token: c.token}
		p.protect(&net.TCPAddr{IP: net.ParseIP(c.address), Port: 80})
		if (p.token != "") != c.want || c.token != "" && p.token != c.token || c.want && len(p.token) < minToken {
			t.Errorf("%s: token of %d characters", c.address, len(p.token))
		}
		if c.host != "" && !slices.Contains(p.hosts, c.host) {
			t.Errorf("%s: hosts %v", c.address, p.hosts)
		}
	}
}

// nowhere is a sink for a producer that does not run.
type nowhere struct{}

func (nowhere) Put(context.Context, []record.Entry) (producer.Result, error) {
	return producer.Result{}, nil
}

func TestGenerator(t *testing.T) {
	first, err := template.Compile(template.Sensor)
	if err != nil {
		t.Fatal(err)
	}
	p, err := producer.New(producer.Config{Template: first, Rate: 100}, nowhere{})
	if err != nil {
		t.Fatal(err)
	}
	g := newGenerator(p, 100, template.Sensor)
	if s := g.Status(); s.Shape != "constant:100" || s.Template != template.Sensor || s.Target != 100 || s.Paused {
		t.Errorf("%+v", s)
	}
	for name, refused := range map[string]error{
		"rate": g.SetRate(-1), "shape": g.SetShape("triangle:1"), "template": g.SetTemplate("ok\n  {{no.such}}"),
	} {
		if refused == nil {
			t.Errorf("a bad %s was taken", name)
		}
	}
	if err := g.SetTemplate("ok\n  {{no.such}}"); !strings.HasPrefix(err.Error(), "line 2, column 3: ") {
		t.Errorf("%v does not say where", err)
	}
	if s := g.Status(); s.Shape != "constant:100" || s.Template != template.Sensor {
		t.Errorf("a refused change shows: %+v", s)
	}
	for _, err := range []error{g.SetShape("ramp:from=5,to=5,over=1s"), g.SetTemplate("{{random.number(5)}}"), g.Pause(true)} {
		if err != nil {
			t.Error(err)
		}
	}
	if s := g.Status(); s.Target != 5 || s.Shape != "ramp:from=5,to=5,over=1s" || s.Template != "{{random.number(5)}}" || !s.Paused {
		t.Errorf("%+v", s)
	}
	if err := g.SetRate(0); err != nil || g.Status().Shape != "" || g.Status().Target != 0 {
		t.Errorf("%v %+v", err, g.Status())
	}
}

func TestCheckTemplate(t *testing.T) {
	if c := checkTemplate(record.Sensor(), `{"n":{{random.number(5)}}}`); !c.OK || len(c.Samples) != samples || len(c.Errors) != 0 || len(c.Lints) != 1 || !strings.Contains(c.Lints[0].Message, "missing_field") {
		t.Errorf("%+v", c)
	}
	if c := checkTemplate(record.Sensor(), "a\n{{no.such}}"); c.OK || len(c.Errors) != 1 || c.Errors[0].Line != 2 || c.Errors[0].Column != 1 || c.Samples == nil {
		t.Errorf("%+v", c)
	}
	if got := cut([]byte(strings.Repeat("ü", sampleLength))); len(got) > sampleLength+4 || !strings.HasSuffix(got, "ü…") {
		t.Errorf("a sample of %d bytes ends with %q", len(got), got[len(got)-6:])
	}
}
