package audit

import (
	"context"
	"errors"
	"fmt"
)

// maxTrouble is how many objects may fail for reasons that are not theirs. Beyond it the raw zone itself is out of reach,
// and an audit would say nothing.
const maxTrouble = 8

// coded is an error of a service that has a name.
type coded interface {
	error
	ErrorCode() string
}

// tolerate makes a finding of an object that cannot be read, so that everything else is compared all the same. It returns
// the error where the audit cannot go on: it was stopped, or too much of the raw zone is out of reach. s may be nil.
func (a *Auditor) tolerate(ctx context.Context, s *shard, key string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	reason, own := why(err)
	if _, known := a.broken[key]; known {
		return nil
	}
	if !own {
		if a.trouble++; a.trouble > maxTrouble {
			return err
		}
	}
	f := Finding{Kind: Unreadable, Place: RawZone, Object: key, Note: reason}
	if s != nil {
		f.Shard = s.id
		for i, o := range s.objects {
			if o.key == key {
				f.First, f.Last = o.ordinal, s.lastOf(i)
				f.Count, _ = s.want(f.First, f.Last)
			}
		}
		if n, ok := a.chain(s).Name(key); ok && f.First == 0 {
			f.First, f.Last = n.Ordinal, n.Ordinal
		}
	}
	a.broken[key] = f
	return nil
}

// why says in words why an object cannot be read, and whether that is the object's own.
func why(err error) (reason string, own bool) {
	var service coded
	switch {
	case errors.As(err, &service) && service.ErrorCode() == "InvalidObjectState":
		return "it lies in cold storage: bring it back with S3's RestoreObject first", true
	case errors.As(err, &service) && (service.ErrorCode() == "AccessDenied" || service.ErrorCode() == "Forbidden"):
		return "access to it is denied", true
	case errors.As(err, &service) && (service.ErrorCode() == "NoSuchKey" || service.ErrorCode() == "NotFound"):
		return "it is gone since it was listed", true
	case errors.As(err, &service):
		return fmt.Sprintf("S3 answers %s", service.ErrorCode()), false
	}
	return err.Error(), unreadable(err)
}

// isService reports whether an error is S3's answer, or the lack of one, and not what an object says.
func isService(err error) bool {
	var service coded
	return errors.As(err, &service)
}

// lastOf is the last ordinal that the shard's i-th object can have.
func (s *shard) lastOf(i int) int64 {
	if i+1 < len(s.objects) {
		return s.objects[i+1].ordinal - 1
	}
	return max(s.Ledger.Ordinal, s.objects[i].ordinal)
}
