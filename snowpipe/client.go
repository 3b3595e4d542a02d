package snowpipe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Config says where the service is and who the client is.
type Config struct {
	// URL is the account's, such as https://myorg-myaccount.snowflakecomputing.com. The ingest host is asked for there. Plain
	// http is taken for hosts on this machine only.
	URL string
	// Login makes login tokens; see KeyPair and ProgrammaticAccessToken.
	Login TokenSource
	// Application names the caller in the User-Agent header, 1 to 64 visible ASCII characters; it may be empty.
	Application string
	// Compression of rows; empty means Zstd.
	Compression Compression
	// Retry is how calls are repeated; the zero value is fit for a service.
	Retry Retry
	// Transport sends requests; nil means one of its own, with HTTP/1.1 and the environment's proxy.
	Transport http.RoundTripper
}

// Client is a connection to one account's ingest host. It is safe for concurrent use.
type Client struct {
	account *url.URL
	login   TokenSource
	agent   string
	retry   Retry
	http    *http.Client
	packer  packer
	lastUse atomic.Int64 // wall clock, Unix nanoseconds
	turn    chan struct{}
	host    *url.URL    // guarded by turn
	scoped  scopedToken // guarded by turn
}

// New returns a client. It does not connect: the first call does.
func New(cfg Config) (*Client, error) {
	account, err := url.Parse(cfg.URL)
	if err != nil || account.Host == "" || account.User != nil || strings.Trim(account.Path, "/") != "" || account.RawQuery != "" {
		return nil, fmt.Errorf("the account's URL must look like https://myorg-myaccount.snowflakecomputing.com")
	}
	switch {
	case account.Scheme == "http" && !onThisMachine(account.Hostname()):
		return nil, fmt.Errorf("the account's URL is plain http to %s: tokens and rows would go over the network in the clear; use https", account.Hostname())
	case account.Scheme != "http" && account.Scheme != "https":
		return nil, fmt.Errorf("the account's URL begins with %q, not with https", account.Scheme)
	case cfg.Login == nil:
		return nil, errors.New("the client needs a Login: see KeyPair and ProgrammaticAccessToken")
	case len(cfg.Application) > 64 || strings.ContainsFunc(cfg.Application, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`()\`, r) }):
		return nil, errors.New("the application's name must be 1 to 64 visible ASCII characters without parentheses and backslash")
	}
	pack, err := newPacker(cfg.Compression)
	if err != nil {
		return nil, err
	}
	transport := cfg.Transport
	if transport == nil {
		transport = plainTransport()
	}
	agent := "snowstream-snowpipe/1 (go)"
	if cfg.Application != "" {
		agent += " (app=" + cfg.Application + ")"
	}
	return &Client{
		account: &url.URL{Scheme: account.Scheme, Host: account.Host}, login: cfg.Login, agent: agent, retry: cfg.Retry.orDefault(), packer: pack,
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		turn: make(chan struct{}, 1),
	}, nil
}

// plainTransport speaks HTTP/1.1, as the official SDKs do: a connection that died while the process stood still is noticed
// per request there, and not for all requests together.
func plainTransport() *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: idleLimit}
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.MaxIdleConnsPerHost = 16
	return t
}

func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close gives up idle connections. The client may be used again.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// access is the ingest host and a token for it.
type access struct {
	host  *url.URL
	token string
}

// access returns what a call needs, from memory if it is there. One caller asks while the others wait for it or for the
// end of their contexts.
func (c *Client) access(ctx context.Context) (access, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return access{}, &Error{Op: "log in", Action: TryAgain, Err: context.Cause(ctx)}
	}
	if c.host == nil {
		host, err := c.discover(ctx)
		if err != nil {
			return access{}, err
		}
		c.host = host
	}
	if now := time.Now().Round(0); c.scoped.text == "" || !now.Before(c.scoped.renew) {
		scoped, err := c.exchange(ctx)
		if err != nil {
			return access{}, err
		}
		c.scoped = scoped
	}
	return access{c.host, c.scoped.text}, nil
}

// refuse forgets a token that the service does not take, unless it was renewed already.
func (c *Client) refuse(ctx context.Context, token string) {
	select {
	case c.turn <- struct{}{}:
		if c.scoped.text == token {
			c.scoped = scopedToken{}
		}
		<-c.turn
	case <-ctx.Done():
	}
}

// discover asks the account's host for the ingest host.
func (c *Client) discover(ctx context.Context) (*url.URL, error) {
	answer, err := c.do(ctx, request{
		op: "find the ingest host of " + c.account.Host, method: http.MethodGet, path: "/v2/streaming/hostname", login: true,
	})
	if err != nil {
		return nil, err
	}
	host, err := parseHost(answer.body, c.account.Port())
	if err != nil {
		return nil, &Error{Op: "find the ingest host of " + c.account.Host, Status: http.StatusOK, Action: GiveUp, Err: err}
	}
	if c.account.Scheme == "http" && !onThisMachine((&url.URL{Host: host}).Hostname()) {
		return nil, &Error{Op: "find the ingest host of " + c.account.Host, Status: http.StatusOK, Action: GiveUp,
			Err: fmt.Errorf("it is %s, not on this machine, and the account's URL is plain http", host)}
	}
	return &url.URL{Scheme: c.account.Scheme, Host: host}, nil
}

// parseHost reads the ingest host: bare text, as the service sends it, or {"hostname":…}, as its documentation says. An
// underscore, which no certificate matches, stands for a hyphen. Without a port it has the account's.
func parseHost(body []byte, port string) (string, error) {
	text := strings.TrimSpace(string(body))
	var object struct{ Hostname string }
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &object) == nil {
		text = object.Hostname
	}
	var quoted string
	if json.Unmarshal([]byte(text), &quoted) == nil {
		text = quoted
	}
	text = strings.ReplaceAll(text, "_", "-")
	u, err := url.Parse("https://" + text)
	if err != nil || text == "" || len(text) > 300 || u.Host != text || u.Hostname() == "" || strings.HasSuffix(text, ":") ||
		strings.ContainsFunc(text, func(r rune) bool {
			return r > '~' || !strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.:[]", r)
		}) {
		return "", fmt.Errorf("the answer is no host name: %d bytes", len(body))
	}
	if u.Port() == "" && port != "" {
		text = net.JoinHostPort(u.Hostname(), port)
	}
	return text, nil
}

// exchange gives a login token for one that is good for the ingest host. The caller holds turn.
func (c *Client) exchange(ctx context.Context) (scopedToken, error) {
	op := "log in at " + c.account.Host
	answer, err := c.do(ctx, request{
		op: op, method: http.MethodPost, path: "/oauth/token", login: true,
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		form:   c.host.Hostname(),
	})
	if err != nil {
		return scopedToken{}, err
	}
	scoped, err := parseScoped(answer.body, time.Now())
	if err != nil {
		return scopedToken{}, &Error{Op: op, Status: answer.status, Action: GiveUp, Err: err}
	}
	return scoped, nil
}

// exchangeForm is the body of a token exchange. The order of its fields is the official SDK's.
func exchangeForm(t Token, host string) []byte {
	var b bytes.Buffer
	field := func(name, value string) {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(name + "=" + url.QueryEscape(value))
	}
	if t.Type == KeyPairJWT {
		field("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
		field("scope", host)
		return b.Bytes()
	}
	field("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
	if t.Role != "" {
		host += " session:role:" + t.Role
	}
	field("scope", host)
	field("subject_token_type", strings.ToLower(string(t.Type)))
	return b.Bytes()
}
