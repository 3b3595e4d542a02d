// Package plainbody keeps the AWS SDK from losing the answer of a request that the service has carried out.
//
// The SDK closes a request's body as soon as an answer begins. Where the machine is busy, net/http has then sent the body and not yet
// asked for its end; the SDK's closed body answers WriteTo with io.EOF, which io.Copy takes for a failure, and the connection is
// cut under the answer: "use of closed network connection". A PutRecords that is repeated for this stores its records twice.
// A body that can only be read answers the same question with a plain end.
package plainbody

import (
	"context"
	"io"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const name = "PlainBody"

// Add is an entry of a client's APIOptions, or of those of an aws.Config.
func Add(stack *middleware.Stack) error {
	if _, added := stack.Finalize.Get(name); added {
		return nil
	}
	return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc(name, plain), middleware.After)
}

func plain(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	if request, ok := in.Request.(*smithyhttp.Request); ok {
		if body, ok := request.GetStream().(io.ReadSeeker); ok {
			only, err := request.SetStream(struct{ io.ReadSeeker }{body})
			if err != nil {
				return middleware.FinalizeOutput{}, middleware.Metadata{}, err
			}
			in.Request = only
		}
	}
	return next.HandleFinalize(ctx, in)
}
