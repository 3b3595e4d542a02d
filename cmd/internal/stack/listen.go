package stack

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ports are the listeners, open from the first moment: the services need each other's addresses to start.
type ports struct {
	kinesis, s3, lambda, warehouse net.Listener
	// The same services over TLS.
	warehouseTLS, kinesisTLS, s3TLS, lambdaTLS net.Listener
}

// The live page takes pagePorts, from pagePort on: between those of the services and those of the services over TLS.
const pagePort, pagePorts = 4, 1

// Ports is how many ports in a row a stack takes, the live page's included.
const Ports = 9

// listen opens the ports of the services on the loopback interface, from first on; 0 takes free ones.
func listen(first int) (ports, error) {
	var p ports
	plain := []*net.Listener{&p.kinesis, &p.s3, &p.lambda, &p.warehouse}
	for i, l := range append(plain, &p.warehouseTLS, &p.kinesisTLS, &p.s3TLS, &p.lambdaTLS) {
		port := first
		if first != 0 {
			port += i
			if i >= len(plain) {
				port += pagePorts
			}
		}
		var err error
		if *l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err != nil {
			p.close()
			if errors.Is(err, syscall.EADDRINUSE) {
				return ports{}, inUse([]string{strconv.Itoa(port)})
			}
			return ports{}, fmt.Errorf("listen on 127.0.0.1: %w", err)
		}
	}
	return p, nil
}

// CheckPorts names all of a stack's ports that others have; 0 takes free ones. Without a page at its own port, that one
// does not count.
func CheckPorts(first int, page bool) error {
	var taken []string
	for i := range Ports {
		if first == 0 || i == pagePort && !page {
			continue
		}
		port := strconv.Itoa(first + i)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			l.Close()
		} else if errors.Is(err, syscall.EADDRINUSE) {
			taken = append(taken, port)
		}
	}
	if len(taken) > 0 {
		return inUse(taken)
	}
	return nil
}

// inUse says which ports others have, and what to do.
func inUse(taken []string) error {
	text := "port " + taken[0] + " on 127.0.0.1 is"
	if len(taken) > 1 {
		text = "ports " + strings.Join(taken, ", ") + " on 127.0.0.1 are"
	}
	return fmt.Errorf("%s in use: choose the first of %d free ports with --port, or --port 0 for any", text, Ports)
}

func (p ports) close() {
	for _, l := range []net.Listener{p.kinesis, p.s3, p.lambda, p.warehouse, p.warehouseTLS, p.kinesisTLS, p.s3TLS, p.lambdaTLS} {
		if l != nil {
			l.Close()
		}
	}
}

func address(l net.Listener) string { return "http://" + l.Addr().String() }

func secureAddress(l net.Listener) string { return "https://" + l.Addr().String() }

// serve answers on a listener until it is closed. The error after that is no error.
func serve(l net.Listener, h http.Handler) (*http.Server, <-chan error) {
	return serveWith(&http.Server{}, l, h)
}

// serveAWS answers as the endpoints of AWS do: HTTP/1.1, and HTTP/2 by prior knowledge, as the Node and Java SDKs speak it to
// Kinesis; and with a configuration of TLS, both over TLS.
func serveAWS(l net.Listener, h http.Handler, secure *tls.Config) (*http.Server, <-chan error) {
	if secure != nil {
		secure = secure.Clone()
		secure.NextProtos = []string{"h2", "http/1.1"}
		l = opaque{tls.NewListener(l, secure)}
	}
	server := &http.Server{Protocols: &http.Protocols{}}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	return serveWith(server, l, h)
}

// opaque hides from the HTTP server that its connections are TLS: it would believe in HTTP/2 only where the handshake has
// agreed on it, and the Java SDK speaks it without.
type opaque struct{ net.Listener }

func (l opaque) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return struct{ net.Conn }{c}, nil
}

// serveWith is serve with a server's own settings.
func serveWith(server *http.Server, l net.Listener, h http.Handler) (*http.Server, <-chan error) {
	server.Handler, server.ReadHeaderTimeout, server.IdleTimeout = loopback(h), 10*time.Second, 2*time.Minute
	done := make(chan error, 1)
	go func() { // ends when the server is closed, and whoever closes it waits for done
		err := server.Serve(l)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		done <- err
	}()
	return server, done
}

// loopback turns away what a web page could make a browser send here: requests from an origin, and those whose Host is
// a name that someone let point to this machine. Signatures do not help, as no local service checks them.
func loopback(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if r.Header.Get("Origin") != "" || host != "localhost" && host != "127.0.0.1" && host != "[::1]" {
			http.Error(w, "only programs on this machine may call, at 127.0.0.1", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}
