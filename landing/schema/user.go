package schema

import (
	"errors"
	"fmt"
	"strings"
)

// Login is how the writer's user proves who it is. Passwords are not among the ways: Snowflake ends them for service
// users, and a password would have to be stored where the function can read it.
type Login struct {
	// RoleARN is the execution role whose word Snowflake takes (workload identity federation): there is no secret at all.
	RoleARN string
	// PublicKey is the half of a key pair that Snowflake gets: the base64 of its SPKI form, in one line.
	PublicKey string
	// KeyLater makes a user that cannot sign in yet: SetKey gives it a key once the private half has a place to lie.
	KeyLater bool
}

// ErrLogin is a Login that is neither.
var ErrLogin = errors.New("a service user signs in as a role (workload identity) or with a key pair; a password is refused: " +
	"Snowflake ends passwords of service users in 2026, and one would have to be stored and rotated by hand")

// properties are the login as CREATE USER and ALTER USER write it.
func (l Login) properties() (string, error) {
	switch {
	case l.RoleARN == "" && l.PublicKey == "" && l.KeyLater:
		return "", nil
	case l.RoleARN != "" && l.PublicKey == "":
		return "WORKLOAD_IDENTITY = (TYPE = AWS ARN = " + Literal(l.RoleARN) + ")", nil
	case l.PublicKey != "" && l.RoleARN == "":
		return "RSA_PUBLIC_KEY = " + Literal(l.PublicKey), nil
	}
	return "", ErrLogin
}

// user is the writer's: of the kind that can never sign in at the web page.
func (l Landing) user() (Statement, error) {
	login, err := l.Login.properties()
	if err != nil {
		return Statement{}, err
	}
	n := l.Names
	warehouse := ""
	if l.Warehouse != "" {
		warehouse = " DEFAULT_WAREHOUSE = " + Quote(l.Warehouse)
	}
	return Statement{
		Kind: "USER", Name: l.User, Why: "the function signs in as this user, and nobody else can",
		SQL: strings.TrimSpace(fmt.Sprintf("CREATE USER IF NOT EXISTS %s TYPE = SERVICE\n  DEFAULT_ROLE = %s%s DEFAULT_NAMESPACE = %s.%s\n  %s",
			Quote(l.User), Quote(l.Role), warehouse, Quote(n.Database), Quote(n.Schema), login)),
		Probe: Probe{Show: "SHOW USERS LIKE " + Literal(l.User), Row: map[string]string{"name": l.User}},
		Undo:  "DROP USER IF EXISTS " + Quote(l.User),
	}, nil
}

// SetLogin gives an existing user another login. A user that has both could sign in both ways.
func SetLogin(user string, l Login) (string, error) {
	login, err := l.properties()
	if err != nil {
		return "", err
	}
	return "ALTER USER " + Quote(user) + " SET " + login, nil
}

// SetKey gives a user a key in one of its two slots, so that the first stays good until nobody uses it any more: that is how a key
// is changed without a moment in which none is valid. Slot is 1 or 2.
func SetKey(user, publicKey string, slot int) string {
	return "ALTER USER " + Quote(user) + " SET " + keySlot(slot) + " = " + Literal(publicKey)
}

// UnsetIdentity ends a user's workload identity.
func UnsetIdentity(user string) string {
	return "ALTER USER " + Quote(user) + " UNSET WORKLOAD_IDENTITY"
}

// UnsetKey empties a slot.
func UnsetKey(user string, slot int) string {
	return "ALTER USER " + Quote(user) + " UNSET " + keySlot(slot)
}

func keySlot(slot int) string {
	if slot == 2 {
		return "RSA_PUBLIC_KEY_2"
	}
	return "RSA_PUBLIC_KEY"
}

// DescribeUser answers among others RSA_PUBLIC_KEY_FP and RSA_PUBLIC_KEY_2_FP, the fingerprints of the keys.
func DescribeUser(user string) string { return "DESC USER " + Quote(user) }
