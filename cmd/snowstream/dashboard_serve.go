package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/dashboard"
)

// pageOptions are the flags that say where the live page is.
type pageOptions struct {
	listen string
	hosts  []string
	token  string
	open   bool
}

func (o *pageOptions) flags(cmd *cobra.Command, listen string) {
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "", "address of the live page "+listen)
	f.StringSliceVar(&o.hosts, "host", nil, "other names under which the live page may be asked for")
	f.StringVar(&o.token, "token", "", "what a caller of the live page must know; made where --listen is not this machine alone")
	f.BoolVar(&o.open, "open", false, "open the live page in a browser")
}

// minToken is the shortest token that is not guessed.
const minToken = 16

func (o *pageOptions) check() error {
	if o.token != "" && len(o.token) < minToken {
		return fmt.Errorf("--token: it needs at least %d characters", minToken)
	}
	if o.listen == "" {
		return nil
	}
	if _, port, err := net.SplitHostPort(o.listen); err != nil || port == "" {
		return fmt.Errorf("--listen %s: an address looks like 127.0.0.1:7405", o.listen)
	}
	return nil
}

// page is the place of the live page: its listener, open from the first moment, and who may ask for it.
type page struct {
	listener net.Listener
	hosts    []string
	token    string
	open     bool
}

// bind opens the listener: on loopback at that port, unless --listen says otherwise.
func (o *pageOptions) bind(port int) (*page, error) {
	address := o.listen
	if address == "" {
		address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("open the live page: %w: choose another address with --listen", err)
	}
	p := &page{listener: l, hosts: o.hosts, token: o.token, open: o.open}
	p.protect(l.Addr().(*net.TCPAddr))
	return p, nil
}

// protect gives a page that others can reach a token, and the names under which they do.
func (p *page) protect(at *net.TCPAddr) {
	if at.IP.IsLoopback() {
		return
	}
	if p.token == "" {
		p.token = rand.Text()
	}
	p.hosts = append(p.hosts, namesOf(at)...)
}

// namesOf are the names under which a listener can be asked for.
func namesOf(at *net.TCPAddr) []string {
	if !at.IP.IsUnspecified() {
		return []string{at.IP.String()}
	}
	var names []string
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return names // --host still gives some
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok {
			names = append(names, n.IP.String())
		}
	}
	return names
}

// url is the page's address for people and browsers on this machine, without the token.
func (p *page) url() string {
	at := p.listener.Addr().(*net.TCPAddr)
	host := at.IP.String()
	if at.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(at.Port))
}

// link is what a person opens.
func (p *page) link() string {
	if p.token == "" {
		return p.url()
	}
	return p.url() + "/?token=" + url.QueryEscape(p.token)
}

// said is the line that tells of the page.
func (p *page) said() string {
	text := "  Live page  " + p.link()
	if p.token != "" {
		text += "   (anyone with this link may watch and control; it is not encrypted)"
	}
	return text + "\n"
}

// serve answers until the returned function is called, which ends the dashboard, too.
func (p *page) serve(d *dashboard.Server) (closePage func() error) {
	server := &http.Server{
		Handler: d, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	var served error
	group.Go(func() { served = server.Serve(p.listener) })
	if p.open {
		group.Go(func() { _ = browser(ctx, p.link()).Run() }) // without a browser there is still the printed link
	}
	return func() error {
		cancel()
		err := errors.Join(d.Close(), server.Close())
		group.Wait()
		if errors.Is(served, http.ErrServerClosed) {
			return err
		}
		return errors.Join(err, served)
	}
}

// browser is the command that opens a link on this system.
func browser(ctx context.Context, link string) *exec.Cmd {
	switch runtime.GOOS {
	case "darwin":
		return exec.CommandContext(ctx, "open", link)
	case "windows":
		return exec.CommandContext(ctx, "rundll32", "url.dll,FileProtocolHandler", link)
	}
	return exec.CommandContext(ctx, "xdg-open", link)
}
