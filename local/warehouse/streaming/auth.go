package streaming

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// scoped are the claims of a token that a login was exchanged for.
type scoped struct {
	Scope string `json:"scope"`
	jwt.RegisteredClaims
}

// grant makes a scoped token for a user. Clients read its algorithm and its end; nobody else can sign one.
func (s *Server) grant(user, scope string) (string, error) {
	now := time.Now()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, scoped{scope, jwt.RegisteredClaims{
		Subject: user, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(s.cfg.TokenValidity)),
	}}).SignedString(s.secret)
}

// granted is the user of a scoped token, "" if it is not one of this process or has ended.
func (s *Server) granted(text string) string {
	var claims scoped
	_, err := jwt.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) { return s.secret, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	if err != nil {
		return ""
	}
	return claims.Subject
}

// The values of the header that says what kind of token a request carries.
const (
	tokenHeader = "X-Snowflake-Authorization-Token-Type"
	keyPairJWT  = "KEYPAIR_JWT"
	accessToken = "PROGRAMMATIC_ACCESS_TOKEN"
	oauth       = "OAUTH"
)

var errUnauthorized = errors.New("unauthorized")

// user is who a request comes from. The header may be absent, as it is optional on the service.
func (s *Server) user(r *http.Request) (string, error) {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return "", errUnauthorized
	}
	checks := map[string]func(string) string{keyPairJWT: s.cfg.Account.KeyUser, accessToken: s.cfg.Account.AccessTokenUser, oauth: s.granted}
	kind := strings.ToUpper(r.Header.Get(tokenHeader))
	if check := checks[kind]; check != nil {
		if user := check(text); user != "" {
			return user, nil
		}
		return "", errUnauthorized
	}
	for _, check := range checks {
		if user := check(text); kind == "" && user != "" {
			return user, nil
		}
	}
	return "", errUnauthorized
}

// authorized lets only users through.
func (s *Server) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.user(r); err != nil {
			answerError(w, &refusal{http.StatusUnauthorized, codeUnauthorized, "The token is not valid here, or has ended: sign in again.", 0})
			return
		}
		next(w, r)
	}
}

// The grants that a login may be exchanged by.
const (
	grantJWT      = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// handleToken exchanges a login for a scoped token, which is answered as bare text. The login comes in the header, or in the
// form as the standards have it.
func (s *Server) handleToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxDocument)
	if err := r.ParseForm(); err != nil {
		answerError(w, refuse(http.StatusBadRequest, codeBadRequest, "The form cannot be read."))
		return
	}
	user, err := s.user(r)
	for field, check := range map[string]func(string) string{"assertion": s.cfg.Account.KeyUser, "subject_token": s.cfg.Account.AccessTokenUser} {
		if text := r.PostForm.Get(field); err != nil && text != "" {
			if user = check(text); user != "" {
				err = nil
			}
		}
	}
	grant := r.PostForm.Get("grant_type")
	switch {
	case grant != grantJWT && grant != grantExchange:
		err = refuse(http.StatusBadRequest, codeBadRequest, "The grant_type must be jwt-bearer or token-exchange.")
	case err != nil:
		err = &refusal{http.StatusUnauthorized, codeUnauthorized, "The login is not valid here: JWT of a user's key pair, or access token.", 0}
	}
	if err != nil {
		answerError(w, err)
		return
	}
	text, err := s.grant(user, r.PostForm.Get("scope"))
	if err != nil {
		answerError(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write([]byte(text)) // a client that has gone needs no answer
}
