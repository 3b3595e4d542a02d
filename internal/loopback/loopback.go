// Package loopback tells requests of programs from those that a web page has sent: a server on this machine must not serve pages,
// which come from anywhere.
package loopback

import (
	"net"
	"net/http"
	"strings"
)

// FromPage reports whether a page may have sent a request: it has the marks of one, or, since a page can rebind its own name to this
// machine, it is addressed to a name other than localhost.
func FromPage(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site") // sent by browsers only; "none" is the address bar
	if r.Header.Get("Origin") != "" || r.Method == http.MethodOptions || site != "" && site != "none" {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return host != "localhost" && !strings.HasSuffix(host, ".localhost") && net.ParseIP(strings.Trim(host, "[]")) == nil
}
