package warehouse

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// User is someone who may log in.
type User struct {
	// Name is the login name; case does not matter.
	Name string
	// Password admits a password login; empty means none.
	Password string
	// PublicKey admits a key-pair login; nil means none.
	PublicKey *rsa.PublicKey
	// DefaultRole, DefaultWarehouse, Database and Schema are the session's when the client names none.
	DefaultRole, DefaultWarehouse, Database, Schema string
}

type loginRequest struct {
	Data struct {
		AccountName       string         `json:"ACCOUNT_NAME"`
		LoginName         string         `json:"LOGIN_NAME"`
		Password          string         `json:"PASSWORD"`
		Authenticator     string         `json:"AUTHENTICATOR"`
		Token             string         `json:"TOKEN"`
		SessionParameters map[string]any `json:"SESSION_PARAMETERS"`
	} `json:"data"`
}

type sessionInfo struct {
	DatabaseName  string `json:"databaseName"`
	SchemaName    string `json:"schemaName"`
	WarehouseName string `json:"warehouseName"`
	RoleName      string `json:"roleName"`
}

type loginData struct {
	Token           string      `json:"token"`
	MasterToken     string      `json:"masterToken"`
	Validity        int64       `json:"validityInSeconds"`
	MasterValidity  int64       `json:"masterValidityInSeconds"`
	DisplayUserName string      `json:"displayUserName"`
	ServerVersion   string      `json:"serverVersion"`
	SessionID       int64       `json:"sessionId"`
	Parameters      []parameter `json:"parameters"`
	SessionInfo     sessionInfo `json:"sessionInfo"`
}

// loginRefused is one answer for every reason, so that nobody learns which user names exist.
func loginRefused() *failure {
	return refuse(390100, "08004", "Incorrect username or password was specified.")
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var body loginRequest
	if err := readBody(r, &body); err != nil {
		http.Error(w, "login-request: the body is not JSON", http.StatusBadRequest)
		return
	}
	user, refused := s.authenticate(&body, time.Now())
	if refused != nil {
		s.log.Info("login refused", "code", refused.Number)
		writeJSON(w, failed(refused, ""))
		return
	}
	query := r.URL.Query()
	opened, refused := s.sessions.open(user, sessionInfo{
		DatabaseName:  foldName(query.Get("databaseName"), user.Database),
		SchemaName:    foldName(query.Get("schemaName"), user.Schema),
		WarehouseName: foldName(query.Get("warehouse"), user.DefaultWarehouse),
		RoleName:      foldName(query.Get("roleName"), user.DefaultRole),
	}, body.Data.SessionParameters)
	if refused != nil {
		writeJSON(w, failed(refused, ""))
		return
	}
	s.engine.catalog.completeSession(opened)
	writeJSON(w, success(opened.loginData()))
}

// foldName is an identifier from outside SQL text: capitals unless quoted, or the default when empty.
func foldName(name, fallback string) string {
	if name == "" {
		name = fallback
	}
	if len(name) >= 2 && name[0] == '"' && name[len(name)-1] == '"' {
		return strings.ReplaceAll(name[1:len(name)-1], `""`, `"`)
	}
	return strings.ToUpper(name)
}

func (s *Server) authenticate(body *loginRequest, now time.Time) (*User, *failure) {
	switch strings.ToUpper(body.Data.Authenticator) {
	case "SNOWFLAKE_JWT":
		return s.authenticateKey(body.Data.Token, now)
	case "", "SNOWFLAKE":
		return s.authenticatePassword(body.Data.LoginName, body.Data.Password)
	}
	return nil, refuse(390102, "08001", "Authenticator '%s' is not supported here: use a password or a key pair.", body.Data.Authenticator)
}

func (s *Server) authenticatePassword(name, password string) (*User, *failure) {
	user := s.user(name)
	wanted := ""
	if user != nil {
		wanted = user.Password
	}
	got, want := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(wanted))
	same := subtle.ConstantTimeCompare(got[:], want[:]) == 1
	if user == nil || wanted == "" || !same {
		return nil, loginRefused()
	}
	return user, nil
}

// authenticateKey checks a JWT as the service documents it: RS256, issuer ACCOUNT.USER.SHA256:<fingerprint>, subject
// ACCOUNT.USER, not expired, and signed by one of the user's keys, whose fingerprint is the issuer's.
func (s *Server) authenticateKey(token string, now time.Time) (*User, *failure) {
	invalid := refuse(390144, "08004", "JWT token is invalid.")
	account := strings.ToUpper(s.cfg.Account)
	account, _, _ = strings.Cut(account, ".")
	var user *User
	key := func(t *jwt.Token) (any, error) {
		subject, err := t.Claims.GetSubject()
		if err != nil {
			return nil, err
		}
		issuer, err := t.Claims.GetIssuer()
		if err != nil {
			return nil, err
		}
		gotAccount, name, _ := strings.Cut(subject, ".")
		found, keys := s.keyHolder(name)
		if !strings.EqualFold(gotAccount, account) || found == nil {
			return nil, jwt.ErrTokenUnverifiable
		}
		for _, k := range keys {
			print, err := fingerprint(k)
			if err == nil && issuer == account+"."+strings.ToUpper(found.Name)+"."+print {
				user = found
				return k, nil
			}
		}
		return nil, jwt.ErrTokenUnverifiable
	}
	claims := &jwt.RegisteredClaims{}
	_, err := jwt.ParseWithClaims(token, claims, key, jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithLeeway(time.Minute), jwt.WithTimeFunc(func() time.Time { return now }))
	if err != nil || user == nil {
		return nil, invalid
	}
	return user, nil
}

// keyHolder is a user with its keys: one of the Config, or one that CREATE USER has made.
func (s *Server) keyHolder(name string) (*User, []*rsa.PublicKey) {
	if user := s.user(name); user != nil {
		if user.PublicKey == nil {
			return nil, nil
		}
		return user, []*rsa.PublicKey{user.PublicKey}
	}
	found := s.engine.catalog.list("USER", func(o *object) bool { return strings.EqualFold(o.Name.Object, name) })
	if len(found) != 1 {
		return nil, nil
	}
	o := found[0]
	user := &User{Name: o.Name.Object, DefaultRole: o.Body.Options.Text("DEFAULT_ROLE"), DefaultWarehouse: o.Body.Options.Text("DEFAULT_WAREHOUSE")}
	if parts := splitName(o.Body.Options.Text("DEFAULT_NAMESPACE")); len(parts) == 2 {
		user.Database, user.Schema = dialect.Quote(parts[0]), dialect.Quote(parts[1])
	}
	return user, keysOf(o)
}

// keySlots are the properties of a user that hold a key; there are two, so that a key can be changed without a gap.
func keySlots() []string { return []string{"RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2"} }

// keysOf are the keys of a user that CREATE USER has made.
func keysOf(o *object) (keys []*rsa.PublicKey) {
	for _, slot := range keySlots() {
		if key, err := parsePublicKey(o.Body.Options.Text(slot)); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// parsePublicKey reads the base64 of a key's SPKI form, with or without line ends.
func parsePublicKey(text string) (*rsa.PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	if key, ok := parsed.(*rsa.PublicKey); ok {
		return key, nil
	}
	return nil, errors.New("the key is not RSA")
}

// fingerprint is SHA256: and the base64 of the hash of the key's SPKI form.
func fingerprint(key *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return "SHA256:" + base64.StdEncoding.EncodeToString(sum[:]), nil
}

func (s *Server) user(name string) *User {
	for i := range s.cfg.Users {
		if strings.EqualFold(s.cfg.Users[i].Name, name) {
			return &s.cfg.Users[i]
		}
	}
	return nil
}
