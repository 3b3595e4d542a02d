"""The Lambda Runtime API's client for a function in Python: what awslambdaric does on AWS, with the standard library alone."""
import http.client, importlib, json, logging, os, sys, time, traceback

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
base = "/2018-06-01/runtime/"


def ask(method, path, body=None):
    api.request(method, base + path, body, {"Content-Type": "application/json"})
    answer = api.getresponse()
    return answer.headers, answer.read()


def described(name, message, trace=(), request=None):
    error = {"errorMessage": message, "errorType": name, "stackTrace": list(trace)}
    if request:
        error["requestId"] = request
    print("[ERROR]", name + ":", message + "\n" + "".join(trace))
    return json.dumps(error)


def give_up(name, message, trace=()):
    ask("POST", "init/error", described(name, message, trace))
    sys.exit(1)


class Context:
    """What a handler is told beside its event."""

    def __init__(self, headers):
        env = os.environ
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name, self.function_version = env["AWS_LAMBDA_FUNCTION_NAME"], env["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name, self.log_stream_name = env["AWS_LAMBDA_LOG_GROUP_NAME"], env["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity, self.client_context = None, None
        given = headers.get("Lambda-Runtime-Client-Context")
        if given:
            known = json.loads(given)
            self.client_context = type("ClientContext", (), {"custom": known.get("custom"), "env": known.get("env"), "client": known.get("client")})()
        self.deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self.deadline - int(time.time() * 1000))


class Line(logging.Formatter):
    """A line of the log as AWS writes it: its level, its time, the request, the message."""

    converter = time.gmtime
    request = ""

    def format(self, record):
        record.request = Line.request
        return super().format(record)


def load():
    """Finds the handler, MODULE.FUNCTION, in the package."""
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    module, dot, function = os.environ["_HANDLER"].rpartition(".")
    if not dot:
        give_up("Runtime.MalformedHandlerName", "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % function)
    try:
        found = importlib.import_module(module.replace("/", "."))
    except ImportError as e:
        give_up("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module, e))
    except SyntaxError as e:
        give_up("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module, e), traceback.format_exc().splitlines(True))
    except Exception as e:
        give_up(type(e).__name__, str(e), traceback.format_tb(e.__traceback__))
    if not hasattr(found, function):
        give_up("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function, module))
    return getattr(found, function)


out = logging.StreamHandler(sys.stdout)
out.setFormatter(Line("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(request)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"))
logging.getLogger().addHandler(out)
handler = load()
while True:
    headers, event = ask("GET", "invocation/next")
    context = Context(headers)
    Line.request = request = context.aws_request_id
    try:
        result = handler(json.loads(event), context)
    except Exception as e:
        ask("POST", "invocation/%s/error" % request,
            described(type(e).__name__, str(e), traceback.format_tb(e.__traceback__.tb_next), request))
        continue
    try:
        result = json.dumps(result, ensure_ascii=False).encode()
    except Exception as e:
        ask("POST", "invocation/%s/error" % request,
            described("Runtime.MarshalError", "Unable to marshal response: %s" % e, (), request))
        continue
    ask("POST", "invocation/%s/response" % request, result)
