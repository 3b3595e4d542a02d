package disk

import (
	"errors"
	"os"
	"syscall"
)

// syncData makes content and size durable. Unlike os.File.Sync it leaves out the times, which would be a write of their
// own each time.
func syncData(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for failed = syscall.EINTR; errors.Is(failed, syscall.EINTR); {
			failed = syscall.Fdatasync(int(fd))
		}
	})
	if failed != nil {
		failed = os.NewSyscallError("fdatasync", failed)
	}
	return errors.Join(err, failed)
}
