package stack

import (
	"net"
	"strconv"
	"strings"
	"testing"
)

// TestCheckPorts names every port that is in use at once, the page's only where there is a page at it.
func TestCheckPorts(t *testing.T) {
	first, held := 0, []net.Listener{}
	for try := 20000; first == 0 && try < 40000; try += 100 {
		if CheckPorts(try, true) == nil {
			first = try
		}
	}
	for _, i := range []int{2, pagePort, 8} {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+i)))
		if err != nil {
			t.Skipf("another program took a port: %v", err)
		}
		held = append(held, l)
	}
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	for page, ports := range map[bool][]int{true: {2, pagePort, 8}, false: {2, 8}} {
		var names []string
		for _, i := range ports {
			names = append(names, strconv.Itoa(first+i))
		}
		err := CheckPorts(first, page)
		if err == nil || !strings.Contains(err.Error(), "ports "+strings.Join(names, ", ")+" on 127.0.0.1 are in use") || !strings.Contains(err.Error(), "--port 0") {
			t.Errorf("with a page %t: %v", page, err)
		}
	}
	if err := CheckPorts(0, true); err != nil {
		t.Error(err)
	}
}
