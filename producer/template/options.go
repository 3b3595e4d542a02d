package template

import "time"

// Options says how templates are read and what time it is in them. The zero value is what [Compile] uses.
type Options struct {
	// Strict refuses what the KDG refuses: without it, forms that have only one sensible meaning are accepted.
	Strict bool
	// Now stops the clock of date.now and its like at that time; the zero time lets it run.
	Now time.Time
	// Zone is the local time zone; nil is the machine's.
	Zone *time.Location
	// Simulated allows date.simTime, which needs the time that [Generator.SetTime] gives.
	Simulated bool
	// With is a template whose named values and entity this one shares: a partition key's, for example, is that of the
	// record which it goes with.
	With *Template
}

// zone is the location of local times.
func (o Options) zone() *time.Location {
	if o.Zone == nil {
		return time.Local
	}
	return o.Zone
}

// language is what tags mean in one template.
type language struct {
	methods map[string]prepare
	strict  bool
	scope   *scope
	// compiled are the template's own tags by name and argument. Generators share it, so it is fixed after Compile, and
	// so is the scope: a tag that a result brings cannot define anything.
	compiled map[string]emit
	sealed   bool
}

func newLanguage(o Options) *language {
	l := &language{strict: o.Strict, scope: &scope{}, compiled: map[string]emit{}}
	if o.With != nil {
		l.scope = o.With.language.scope
	}
	l.methods = methods(o.Simulated)
	if !o.Strict {
		l.addBeyond()
	}
	return l
}
