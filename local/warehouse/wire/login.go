package wire

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/session"
)

type loginRequest struct {
	Data struct {
		AccountName       string         `json:"ACCOUNT_NAME"`
		LoginName         string         `json:"LOGIN_NAME"`
		Password          string         `json:"PASSWORD"`
		Authenticator     string         `json:"AUTHENTICATOR"`
		Token             string         `json:"TOKEN"`
		SessionParameters map[string]any `json:"SESSION_PARAMETERS"`
		ClientAppID       string         `json:"CLIENT_APP_ID"`
	} `json:"data"`
}

type loginData struct {
	Token           string              `json:"token"`
	MasterToken     string              `json:"masterToken"`
	Validity        int64               `json:"validityInSeconds"`
	MasterValidity  int64               `json:"masterValidityInSeconds"`
	DisplayUserName string              `json:"displayUserName"`
	ServerVersion   string              `json:"serverVersion"`
	SessionID       int64               `json:"sessionId"`
	Parameters      []session.Parameter `json:"parameters"`
	SessionInfo     session.Info        `json:"sessionInfo"`
}

func granted(s *session.Session) loginData {
	g := s.Granted()
	return loginData{
		Token: g.Token, MasterToken: g.Master, SessionID: s.ID, ServerVersion: session.ServerVersion, DisplayUserName: strings.ToUpper(s.User.Name),
		Validity: int64(g.Validity.Seconds()), MasterValidity: int64(g.MasterValidity.Seconds()), Parameters: g.Parameters, SessionInfo: g.Info,
	}
}

// bearer is the token in a header of the form Snowflake Token="…".
func bearer(r *http.Request) string {
	_, rest, found := strings.Cut(r.Header.Get("Authorization"), `Snowflake Token="`)
	if !found {
		return ""
	}
	token, _, _ := strings.Cut(rest, `"`)
	return token
}

// loginRefused is one answer for every reason, so that nobody learns which user names exist.
func loginRefused() *fault.Error {
	return fault.New(390100, "08004", "Incorrect username or password was specified.")
}

func (s *Front) login(w http.ResponseWriter, r *http.Request) {
	var body loginRequest
	if err := readBody(r, &body); err != nil {
		http.Error(w, "login-request: the body is not JSON", http.StatusBadRequest)
		return
	}
	user, refused := s.authenticate(&body, time.Now())
	if refused != nil {
		s.Log.Info("login refused", "code", refused.Number)
		writeJSON(w, failed(refused, ""))
		return
	}
	query := r.URL.Query()
	info := session.Info{
		DatabaseName:  dialect.Fold(query.Get("databaseName"), user.Database),
		SchemaName:    dialect.Fold(query.Get("schemaName"), user.Schema),
		WarehouseName: dialect.Fold(query.Get("warehouse"), user.DefaultWarehouse),
		RoleName:      dialect.Fold(query.Get("roleName"), user.DefaultRole),
	}
	if info.SchemaName == "" && s.Catalog.Get("DATABASE", dialect.Name{Database: info.DatabaseName}) != nil {
		info.SchemaName = "PUBLIC"
	}
	opened, refused := s.Sessions.Open(user, body.Data.ClientAppID, info, body.Data.SessionParameters)
	if refused != nil {
		writeJSON(w, failed(refused, ""))
		return
	}
	writeJSON(w, success(granted(opened)))
}

func (s *Front) authenticate(body *loginRequest, now time.Time) (*catalog.User, *fault.Error) {
	switch strings.ToUpper(body.Data.Authenticator) {
	case "SNOWFLAKE_JWT":
		return s.authenticateKey(body.Data.Token, &jwt.RegisteredClaims{}, now)
	case "", "SNOWFLAKE":
		return s.authenticatePassword(body.Data.LoginName, body.Data.Password)
	}
	return nil, fault.New(390102, "08001", "Authenticator '%s' is not supported here: use a password or a key pair.", body.Data.Authenticator)
}

func (s *Front) authenticatePassword(name, password string) (*catalog.User, *fault.Error) {
	user := s.Account.User(name)
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
func (s *Front) authenticateKey(token string, claims jwt.Claims, now time.Time) (*catalog.User, *fault.Error) {
	invalid := fault.New(390144, "08004", "JWT token is invalid.")
	account := strings.ToUpper(s.Account.Name)
	account, _, _ = strings.Cut(account, ".")
	var user *catalog.User
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
			print, err := catalog.Fingerprint(k)
			if err == nil && issuer == account+"."+strings.ToUpper(found.Name)+"."+print {
				user = found
				return k, nil
			}
		}
		return nil, jwt.ErrTokenUnverifiable
	}
	_, err := jwt.ParseWithClaims(token, claims, key, jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithLeeway(time.Minute), jwt.WithTimeFunc(func() time.Time { return now }))
	if err != nil || user == nil {
		return nil, invalid
	}
	return user, nil
}

// KeyUser is the name of the user that a key-pair login belongs to, "" if it belongs to none. Its times may be in
// milliseconds, as the SDKs of Snowpipe Streaming have them.
func (s *Front) KeyUser(token string) string {
	user, refused := s.authenticateKey(token, &streamingClaims{}, time.Now())
	if refused != nil {
		return ""
	}
	return user.Name
}

// streamingClaims takes times in seconds or milliseconds.
type streamingClaims struct{ jwt.RegisteredClaims }

// lastSecond is beyond what a time in seconds may be here: the year 5138.
const lastSecond = 100_000_000_000

func (c *streamingClaims) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &c.RegisteredClaims); err != nil {
		return err
	}
	for _, at := range []*jwt.NumericDate{c.IssuedAt, c.ExpiresAt, c.NotBefore} {
		if at != nil && at.Unix() >= lastSecond {
			at.Time = time.UnixMilli(at.Unix())
		}
	}
	return nil
}

// keyHolder is a user with its keys: one of the Config, or one that CREATE USER has made.
func (s *Front) keyHolder(name string) (*catalog.User, []*rsa.PublicKey) {
	if user := s.Account.User(name); user != nil {
		if user.PublicKey == nil {
			return nil, nil
		}
		return user, []*rsa.PublicKey{user.PublicKey}
	}
	found := s.Catalog.List("USER", func(o *catalog.Object) bool { return strings.EqualFold(o.Name.Object, name) })
	if len(found) != 1 {
		return nil, nil
	}
	o := found[0]
	user := &catalog.User{Name: o.Name.Object, DefaultRole: o.Body.Options.Text("DEFAULT_ROLE"), DefaultWarehouse: o.Body.Options.Text("DEFAULT_WAREHOUSE")}
	if parts := dialect.SplitName(o.Body.Options.Text("DEFAULT_NAMESPACE")); len(parts) == 2 {
		user.Database, user.Schema = dialect.Quote(parts[0]), dialect.Quote(parts[1])
	}
	return user, catalog.KeysOf(o)
}
