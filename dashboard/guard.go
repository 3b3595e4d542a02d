package dashboard

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	// controlHeader is on each request that changes something. A form cannot set it, and a script of another site only
	// after asking, which is refused.
	controlHeader = "X-Snowstream-Control"
	cookie        = "snowstream-token"
	// policy lets the page use its own files and nothing else, and nobody put it into a frame.
	policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// guard decides who may call.
func (s *Server) guard(next http.Handler) http.Handler {
	site := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A connection that takes nothing is given up; a stream of events sets the limit anew with each one.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeWithin))
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		switch {
		case !s.ours(r.Host):
			// A name that someone else let point here would make this page that site's own.
			fail(w, http.StatusForbidden, "this server has another name; name it with --host if it is meant to have this one")
		case site.Check(r) != nil:
			fail(w, http.StatusForbidden, "the request comes from another site")
		case !s.mayEnter(r):
			s.handleStranger(w, r)
		case !safe(r.Method) && r.Header.Get(controlHeader) != "1":
			fail(w, http.StatusForbidden, "the header "+controlHeader+": 1 is missing")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// ours reports whether a Host header names this server.
func (s *Server) ours(hostport string) bool {
	host := hostport
	if name, _, err := net.SplitHostPort(hostport); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if IsLoopback(host) {
		return true
	}
	return slices.ContainsFunc(s.config.Hosts, func(name string) bool { return strings.EqualFold(name, host) })
}

// IsLoopback reports whether a host, without its port, can only be this machine.
func IsLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// mayEnter checks the token.
func (s *Server) mayEnter(r *http.Request) bool {
	if s.config.Token == "" {
		return true
	}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return s.isToken(bearer)
	}
	c, err := r.Cookie(cookie)
	return err == nil && s.isToken(c.Value)
}

// isToken takes the same time for any wrong token: sums are compared, so not even the length shows.
func (s *Server) isToken(given string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(s.config.Token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// handleStranger takes the token of a link, keeps it in a cookie and has the browser forget the link.
func (s *Server) handleStranger(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" && safe(r.Method) && s.isToken(r.URL.Query().Get("token")) {
		http.SetCookie(w, &http.Cookie{
			Name: cookie, Value: s.config.Token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
		})
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="snowstream"`)
	fail(w, http.StatusUnauthorized, "open the link with the token that was printed at the start, or send it as a bearer token")
}
