package snowpipe

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// TokenType is what a login token is. The service is told in a header.
type TokenType string

// The types of login tokens.
const (
	KeyPairJWT  TokenType = "KEYPAIR_JWT"
	AccessToken TokenType = "PROGRAMMATIC_ACCESS_TOKEN"
	OAuthToken  TokenType = "OAUTH"
)

// Token is a login token.
type Token struct {
	Text string
	Type TokenType
	// Role is asked for when the token is exchanged, if the token does not name one itself.
	Role string
}

// TokenSource makes login tokens. The client asks for one when it needs a new token for the ingest host, so a source may
// read a rotated secret each time. It must be safe for concurrent use if the client is used so, and must put no secret
// into an error.
type TokenSource interface {
	Token(ctx context.Context) (Token, error)
}

// keyPairLife is how long a key pair's token is good for. The service takes an hour at most.
const keyPairLife = 59 * time.Minute

type keyPair struct {
	account, user, role string
	key                 *rsa.PrivateKey
}

// KeyPair logs in with a key pair: its public key must be set for the user (ALTER USER … SET RSA_PUBLIC_KEY). account is the
// account identifier without host name, such as MYORG-MYACCOUNT. An empty role is the user's default role.
func KeyPair(account, user, role string, key *rsa.PrivateKey) TokenSource {
	account, _, _ = strings.Cut(account, ".") // a locator's region is no part of the name in the token
	return keyPair{strings.ToUpper(account), strings.ToUpper(user), role, key}
}

// Token signs a new token.
func (k keyPair) Token(context.Context) (Token, error) {
	if k.key == nil || k.account == "" || k.user == "" {
		return Token{}, errors.New("a key pair login needs an account, a user and a private key")
	}
	public, err := x509.MarshalPKIXPublicKey(&k.key.PublicKey)
	if err != nil {
		return Token{}, errors.New("the private key has no usable public key")
	}
	print := sha256.Sum256(public)
	name, now := k.account+"."+k.user, time.Now()
	claims := jwt.MapClaims{
		"iss": name + ".SHA256:" + base64.StdEncoding.EncodeToString(print[:]), "sub": name,
		"iat": now.Unix(), "exp": now.Add(keyPairLife).Unix(),
	}
	if k.role != "" {
		claims["scp"] = "session:role:" + k.role
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(k.key)
	if err != nil {
		return Token{}, errors.New("the private key cannot sign a token")
	}
	return Token{Text: text, Type: KeyPairJWT}, nil
}

type accessToken struct{ text, role string }

// ProgrammaticAccessToken logs in with a programmatic access token. An empty role is the token's own.
func ProgrammaticAccessToken(token, role string) TokenSource { return accessToken{token, role} }

// Token is the token as it was given.
func (a accessToken) Token(context.Context) (Token, error) {
	if a.text == "" {
		return Token{}, errors.New("the programmatic access token is empty")
	}
	return Token{Text: a.text, Type: AccessToken, Role: a.role}, nil
}

// scopedToken is good for the ingest host alone.
type scopedToken struct {
	text string
	// renew is when it is time for the next one, by the wall clock: a process may have stood still.
	renew time.Time
}

const (
	// renewBefore is how long before its end a token is not used any more.
	renewBefore = time.Minute
	// unknownLife is assumed of a token that does not say when it ends.
	unknownLife = 5 * time.Minute
	// maxToken bounds a token's length; real ones have some 1,000 bytes.
	maxToken = 64 << 10
)

// parseScoped reads the answer to a token exchange: the token itself, as the service sends it, or {"token":…}, as its
// documentation says.
func parseScoped(body []byte, now time.Time) (scopedToken, error) {
	text := string(bytes.TrimSpace(body))
	var object struct{ Token string }
	if strings.HasPrefix(text, "{") && json.Unmarshal(body, &object) == nil {
		text = object.Token
	}
	var quoted string
	if json.Unmarshal([]byte(text), &quoted) == nil {
		text = quoted
	}
	if text == "" || len(text) > maxToken || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return scopedToken{}, fmt.Errorf("the answer is no token: %d bytes", len(body))
	}
	renew := now.Add(unknownLife)
	if end, ok := expiry(text); ok {
		if renew = end.Add(-renewBefore); end.Sub(now) < 2*renewBefore {
			renew = now.Add(end.Sub(now) / 2)
		}
	}
	return scopedToken{text, renew.Round(0)}, nil
}

// expiry reads when a JWT ends. Nothing else of it is our business.
func expiry(token string) (time.Time, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		End float64 `json:"exp"`
	}
	const milliseconds, most = 1e11, 1e14 // seconds reach the first number in the year 5138
	if json.Unmarshal(text, &claims) != nil || claims.End <= 0 || claims.End > most {
		return time.Time{}, false
	}
	if claims.End > milliseconds {
		claims.End /= 1000
	}
	return time.Unix(int64(claims.End), 0), true
}
