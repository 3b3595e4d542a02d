package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// TestRefusedByName calls each operation that docs/local-aws.md calls refused, with as little as the SDK lets pass. The answer
// must be an error that names the operation, or the part of the request that asks for it; and none may be of an operation that is served.
func TestRefusedByName(t *testing.T) {
	text, err := os.ReadFile("../docs/local-aws.md")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, chance(t))
	queues := sqs.New(sqs.Options{
		BaseEndpoint: &r.Snowflake, Region: rigRegion, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	})
	for service, client := range map[string]any{"Kinesis": r.kinesis, "S3": r.s3, "Lambda": r.lambda, "SQS": queues} {
		called := 0 // the SDK has more operations than these servers
		for name, state := range documented(t, string(text), service) {
			if state != "refused" {
				continue
			}
			called++
			err := callBare(t, reflect.ValueOf(client).MethodByName(name), r.Bucket)
			if why := notByName(name, err); why != "" {
				t.Errorf("%s of %s: %s: %v", name, service, why, err)
			}
		}
		if called < 5 {
			t.Errorf("%s: %d operations were called", service, called)
		}
	}
}

// documented are the operations of a service in the page, with their states.
func documented(t *testing.T, text, service string) map[string]string {
	t.Helper()
	_, section, found := strings.Cut(text, "\n## "+service+"\n")
	if !found {
		t.Fatalf("docs/local-aws.md has no section %s", service)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	states := map[string]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			continue
		}
		for _, m := range regexp.MustCompile("`([A-Za-z0-9]+)`").FindAllStringSubmatch(cells[1], -1) {
			if states[m[1]] != "" {
				t.Errorf("%s: %s is documented twice", service, m[1])
			}
			states[m[1]] = strings.TrimSpace(cells[2])
		}
	}
	return states
}

// refusedWords is what a refusal by name says: the part of the request that asks for it.
var refusedWords = regexp.MustCompile(`the (query parameter|header|path) \S+|(GET|PUT|POST|DELETE|PATCH) /\S+`)

// notByName says what is wrong with a refusal.
func notByName(name string, err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return "no error of the service"
	}
	switch code := api.ErrorCode(); {
	case slices.Contains([]string{"NotImplemented", "UnknownOperationException", "UnsupportedOperation"}, code):
	case code == "InvalidParameterValueException" && strings.Contains(api.ErrorMessage(), "is not supported"): // Lambda has no other code for it
	default:
		return "the code is not one of a refusal"
	}
	if !strings.Contains(api.ErrorMessage(), name) && !refusedWords.MatchString(api.ErrorMessage()) {
		return "it is not refused by name"
	}
	return ""
}

// callBare calls an operation with the members only that the SDK wants.
func callBare(t *testing.T, method reflect.Value, bucket string) error {
	t.Helper()
	plain := reflect.MakeFunc(method.Type().In(2).Elem(), func(options []reflect.Value) []reflect.Value {
		all := options[0].Elem().FieldByName("APIOptions")
		all.Set(reflect.Append(all, reflect.ValueOf(withoutPrefix)))
		return nil
	})
	input := reflect.New(method.Type().In(1).Elem())
	for range 8 {
		out := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), input, plain})
		err, _ := out[1].Interface().(error)
		var missing smithy.InvalidParamsError
		if !errors.As(err, &missing) {
			return err
		}
		for _, each := range missing.Errs() {
			_, path, _ := strings.Cut(each.(smithy.InvalidParamError).Field(), ".")
			if err := fillMember(input.Elem(), path, bucket); err != nil {
				t.Fatal(err)
			}
		}
	}
	return errors.New("the SDK is not content with its own required members")
}

// withoutPrefix has the SDK call the address as it is: there are no names under it.
func withoutPrefix(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("without a prefix", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
	}), middleware.Before)
}

// fillMember sets the member at a path such as A.B[0].C.
func fillMember(v reflect.Value, path, bucket string) error {
	step, rest, deeper := strings.Cut(path, ".")
	name, index, indexed := strings.Cut(strings.TrimSuffix(step, "]"), "[")
	member := v.FieldByName(name)
	if !member.IsValid() {
		return fmt.Errorf("%s has no member %s", v.Type(), name)
	}
	if indexed {
		if i, err := strconv.Atoi(index); err != nil || i >= member.Len() {
			return fmt.Errorf("%s of %s has no element %s", name, v.Type(), index)
		} else if member = member.Index(i); deeper {
			return fillMember(member, rest, bucket)
		}
	}
	if deeper {
		return fillMember(reflect.Indirect(member), rest, bucket)
	}
	member.Set(smallest(member.Type(), name, bucket))
	return nil
}

// smallest is a value that an SDK takes for given.
func smallest(kind reflect.Type, name, bucket string) reflect.Value {
	v := reflect.New(kind).Elem()
	switch kind.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(kind.Elem()))
		v.Elem().Set(smallest(kind.Elem(), name, bucket))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(kind, 1, 1))
		v.Index(0).Set(smallest(kind.Elem(), name, bucket))
	case reflect.Map:
		v.Set(reflect.MakeMap(kind))
	case reflect.String:
		switch name {
		case "Bucket":
			v.SetString(bucket)
		case "RenameSource":
			v.SetString(bucket + "/x")
		default:
			v.SetString("x")
		}
		if values := v.MethodByName("Values"); values.IsValid() {
			v.Set(values.Call(nil)[0].Index(0))
		}
	case reflect.Interface: // a body, or the one union among the required members of what is refused
		for _, one := range []any{strings.NewReader("x"), &s3types.ObjectEncryptionMemberSSEKMS{Value: s3types.SSEKMSEncryption{KMSKeyArn: aws.String("x")}}} {
			if value := reflect.ValueOf(one); value.Type().Implements(kind) {
				v.Set(value)
			}
		}
	case reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8:
		v.SetUint('x')
	}
	return v
}
