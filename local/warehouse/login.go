package warehouse

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
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
// ACCOUNT.USER, not expired, and signed by the user's key.
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
		gotAccount, name, _ := strings.Cut(subject, ".")
		user = s.user(name)
		if !strings.EqualFold(gotAccount, account) || user == nil || user.PublicKey == nil {
			return nil, jwt.ErrTokenUnverifiable
		}
		return user.PublicKey, nil
	}
	claims := &jwt.RegisteredClaims{}
	_, err := jwt.ParseWithClaims(token, claims, key, jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithLeeway(time.Minute), jwt.WithTimeFunc(func() time.Time { return now }))
	if err != nil || user == nil {
		return nil, invalid
	}
	fingerprint, err := fingerprint(user.PublicKey)
	if err != nil || claims.Issuer != account+"."+strings.ToUpper(user.Name)+"."+fingerprint {
		return nil, invalid
	}
	return user, nil
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
