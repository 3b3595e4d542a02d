package template

import "strings"

// userAgent gives the name by which a browser of about 2014 introduces itself, each of five kinds as often as then.
func userAgent() emit {
	chrome, explorer, firefox, safari, opera := chromeAgent(), explorerAgent(), firefoxAgent(), safariAgent(), operaAgent()
	return func(dst []byte, r *source) []byte {
		switch n := r.IntN(100); {
		case n < 45:
			return chrome(dst, r)
		case n < 73:
			return explorer(dst, r)
		case n < 92:
			return firefox(dst, r)
		case n < 98:
			return safari(dst, r)
		default:
			return opera(dst, r)
		}
	}
}

// form puts parts into the places of a text that are marked by %.
func form(text string, parts ...emit) emit {
	var all []emit
	for i, fixed := range strings.Split(text, "%") {
		all = append(all, literal(fixed))
		if i < len(parts) {
			all = append(all, parts[i])
		}
	}
	return sequence(all...)
}

func windowsVersion() emit { return form("%.%", integer(5, 6), integer(0, 3)) }

func macVersion(mark string) emit {
	return form("10"+mark+"%"+mark+"%", integer(5, 10), integer(0, 9))
}

func webKit() emit { return form("%.%.%", integer(531, 538), integer(0, 2), integer(0, 2)) }

func linuxProcessor() emit { return pick(listed("computer", "linux_processor", letters+digits+"_")) }

func macProcessor() emit { return pick(listed("computer", "mac_processor", letters+"; ")) }

func agentLanguage() emit {
	return pick(each(listed("language", "short", letters), strings.ToUpper))
}

func chromeAgent() emit {
	version := form("%.0.%.0", integer(13, 39), integer(800, 899))
	system := oneOf(
		form("(Windows; U; Windows NT %)", windowsVersion()),
		form("(Macintosh; % Mac OS X %)", macProcessor(), macVersion("_")),
		form("(X11; Linux %)", linuxProcessor()),
	)
	kit := webKit()
	return func(dst []byte, r *source) []byte {
		build := string(kit(nil, r))
		return form("Mozilla/5.0 % AppleWebKit/"+build+" (KHTML, like Gecko) Chrome/% Safari/"+build, system, version)(dst, r)
	}
}

func explorerAgent() emit {
	return oneOf(
		form("Mozilla/5.0 (Windows NT 6.%; Trident/7.0; %rv:11.0) like Gecko", integer(1, 3), pick([]string{"Touch; ", ""})),
		form("Mozilla/5.0 (compatible; MSIE %.0; Windows NT %; Trident/%.%%)", integer(7, 10), windowsVersion(), integer(3, 7), integer(0, 1),
			oneOf(literal(""), form("; .NET CLR %.%.%.%", integer(1, 4), integer(0, 9), integer(10000, 99999), integer(0, 9)))),
	)
}

func firefoxAgent() emit {
	system := oneOf(
		form("(Windows NT %%", windowsVersion(), pick([]string{"", "; WOW64", "; Win64; x64"})),
		form("(Macintosh; % Mac OS X %", macProcessor(), macVersion(".")),
		form("(X11; Linux %", linuxProcessor()),
	)
	version := form("%.%", integer(5, 15), integer(0, 9))
	return func(dst []byte, r *source) []byte {
		v := string(version(nil, r))
		return form("Mozilla/5.0 %; rv:"+v+") Gecko/20100101 Firefox/"+v+".%", system, integer(0, 9))(dst, r)
	}
}

func safariAgent() emit {
	system := oneOf(
		form("(Macintosh; % Mac OS X % rv:%.0; %) ", macProcessor(), macVersion("_"), integer(2, 6), agentLanguage()),
		form("(Windows; U; Windows NT %)", windowsVersion()),
	)
	version, kit := form("%.%.%", integer(4, 7), integer(0, 1), integer(0, 10)), webKit()
	return func(dst []byte, r *source) []byte {
		build := string(kit(nil, r))
		return form("Mozilla/5.0 %AppleWebKit/"+build+" (KHTML, like Gecko) Version/% Safari/"+build, system, version)(dst, r)
	}
}

func operaAgent() emit {
	presto := form(" Presto/2.9.% Version/%.00)", integer(160, 190), integer(10, 12))
	system := oneOf(
		form("(Windows NT %; U; %%", windowsVersion(), agentLanguage(), presto),
		form("(X11; Linux %; U; %%", linuxProcessor(), agentLanguage(), presto),
		form("(Macintosh; Intel Mac OS X % U; %%", macVersion("."), agentLanguage(), presto),
	)
	return form("Opera/%.% %", integer(9, 14), integer(0, 99), system)
}
