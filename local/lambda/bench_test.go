package lambda

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkInvoke is a synchronous invocation through the API: a process that waits for it answers at once.
func BenchmarkInvoke(b *testing.B) {
	for _, size := range []int{100, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			h := open(b, testConfig(b, "", ""))
			o := order{Do: "nothing", Text: strings.Repeat("x", size)}
			h.mustInvoke("script", o)
			b.SetBytes(int64(size))
			for b.Loop() {
				h.mustInvoke("script", o)
			}
		})
	}
}
