// CloudFront Function (viewer request, cloudfront-js-2.0): OCSP without a responder.
//
// It rewrites a GET request for a pre-signed OCSP response (RFC 6960 appendix A.1)
// to the name under which the response is stored:
//
//   /ocsp/<base64 of the request>  ->  /ocsp/<s1|s2>/<issuer key hash>/<serial>
//
// so that all encodings of a request share one object and one cache entry. It
// reads the request by the same rules as package ocspcache, whose tests compare
// the two. A function never sees a body, so POST requests get 405;
// docs/formats-ocsp.md lists what else static responses cannot do.
//
// It holds no key and no secret, and makes no statement about a certificate: the
// only bodies it produces are the unsigned errors malformedRequest and
// unauthorized.

var PREFIX = 'ocsp';
var MAX_PATH = 8192; // characters, before decoding
var MAX_REQUEST = 1024; // bytes of DER
var ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
var MALFORMED = 'MAMKAQE=';
var UNAUTHORIZED = 'MAMKAQY=';
var OCSP_ARC = '2b06010505073001'; // id-pkix-ocsp
var HASHES = {
  '2b0e03021a': { size: 20, label: 's1' },
  '608648016503040201': { size: 32, label: 's2' },
  '608648016503040202': { size: 48, label: 's384' },
  '608648016503040203': { size: 64, label: 's512' }
};

function handler(event) {
  var request = event.request;
  var path = request.uri.replace(/^\/+/, '');
  if (path !== PREFIX && path.indexOf(PREFIX + '/') !== 0) {
    return request;
  }
  var rest = path.substring(PREFIX.length).replace(/^\/+/, '');
  if (/^[a-z0-9._-]+\.generation$/.test(rest) || /^(bundles|s1|s2|s384|s512)\//.test(rest)) {
    return request; // a public object by its name
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return {
      statusCode: 405,
      statusDescription: 'Method Not Allowed',
      headers: { allow: { value: 'GET, HEAD' }, 'cache-control': { value: 'no-store' } }
    };
  }
  rest = rest.replace(/^(?!\.)[a-z0-9._-]{1,128}\//, ''); // an issuer's own path
  var der = decodePath(rest);
  var key = der === null ? null : readRequest(der);
  if (key === null) {
    return failure(MALFORMED);
  }
  if (key.several || key.label === '') {
    return failure(UNAUTHORIZED);
  }
  request.uri = '/' + PREFIX + '/' + key.label + '/' + key.issuer + '/' + key.serial;
  request.querystring = {};
  return request;
}

// failure is an unsigned answer; no cache may keep it (RFC 9919 section 6).
function failure(body) {
  return {
    statusCode: 200,
    statusDescription: 'OK',
    headers: {
      'content-type': { value: 'application/ocsp-response' },
      'cache-control': { value: 'no-cache, no-store, max-age=0' }
    },
    body: { encoding: 'base64', data: body }
  };
}

// decodePath decodes percent-encoded base64 to an array of bytes, or null. It
// takes a second percent-encoding, the URL-safe alphabet, a space for '+', and
// absent padding.
function decodePath(path) {
  path = path.replace(/^\/+/, '');
  if (path.length > MAX_PATH) {
    return null;
  }
  var text = path.replace(/%25([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})/g, unescapeByte);
  text = text.replace(/[ -]/g, '+').replace(/_/g, '/');
  text = text.replace(/=+$/, '');
  if (!/^[A-Za-z0-9+\/]+$/.test(text) || text.length % 4 === 1) {
    return null;
  }
  var bytes = [];
  var bits = 0;
  var n = 0;
  for (var i = 0; i < text.length; i++) {
    bits = (bits << 6 | ALPHABET.indexOf(text.charAt(i))) & 0xffff;
    n += 6;
    if (n >= 8) {
      n -= 8;
      bytes.push(bits >> n & 0xff);
    }
  }
  return bytes.length > MAX_REQUEST ? null : bytes;
}

function unescapeByte(whole, twice, once) {
  return String.fromCharCode(parseInt(twice || once, 16));
}

// cut splits a DER element off b from position at, up to end: its tag, the limits
// of its content, and where the next begins. null when there is none.
function cut(b, at, end, tag) {
  if (end - at < 2 || (b[at] & 0x1f) === 0x1f || tag !== undefined && b[at] !== tag) {
    return null;
  }
  var n = b[at + 1];
  var start = at + 2;
  if (n >= 0x80) {
    var size = n & 0x7f;
    if (size === 0 || size > 3 || end - start < size || b[start] === 0) {
      return null;
    }
    n = 0;
    for (var i = 0; i < size; i++) {
      n = n << 8 | b[start + i];
    }
    if (n < 0x80) {
      return null;
    }
    start += size;
  }
  return n > end - start ? null : { tag: b[at], start: start, end: start + n };
}

// only is like cut for an element that fills everything up to end.
function only(b, at, end, tag) {
  var e = cut(b, at, end, tag);
  return e !== null && e.end === end ? e : null;
}

function hexOf(b, at, end) {
  var s = '';
  for (var i = at; i < end; i++) {
    s += (b[i] < 16 ? '0' : '') + b[i].toString(16);
  }
  return s;
}

// readRequest reads an OCSPRequest (RFC 6960 section 4.1.1), or returns null.
function readRequest(b) {
  var body = only(b, 0, b.length, 0x30);
  var tbs = body && cut(b, body.start, body.end, 0x30);
  if (!tbs) {
    return null;
  }
  if (tbs.end !== body.end && !only(b, tbs.end, body.end, 0xa0)) {
    return null; // only a signature may follow
  }
  var at = tbs.start;
  if (b[at] === 0xa0 && at < tbs.end) {
    var version = cut(b, at, tbs.end, 0xa0);
    if (!version || hexOf(b, version.start, version.end) !== '020100') {
      return null;
    }
    at = version.end;
  }
  if (b[at] === 0xa1 && at < tbs.end) {
    var name = cut(b, at, tbs.end, 0xa1);
    if (!name) {
      return null;
    }
    at = name.end;
  }
  var list = cut(b, at, tbs.end, 0x30);
  if (!list || list.start === list.end || !extensionsAreHarmless(b, list.end, tbs.end, 0xa2)) {
    return null;
  }
  return readList(b, list);
}

// readList reads requestList: one request, or several equal ones.
function readList(b, list) {
  var first = null;
  for (var at = list.start; at < list.end;) {
    var single = cut(b, at, list.end, 0x30);
    var key = single && readCertID(b, single);
    if (!key) {
      return null;
    }
    if (first === null) {
      first = key;
    } else if (first.whole !== key.whole) {
      first.several = true;
    }
    at = single.end;
  }
  return first;
}

// readCertID reads a Request: CertID and harmless extensions.
function readCertID(b, single) {
  var id = cut(b, single.start, single.end, 0x30);
  var algorithm = id && cut(b, id.start, id.end, 0x30);
  var oid = algorithm && cut(b, algorithm.start, algorithm.end, 0x06);
  if (!oid || !extensionsAreHarmless(b, id.end, single.end, 0xa0)) {
    return null;
  }
  if (oid.end !== algorithm.end && hexOf(b, oid.end, algorithm.end) !== '0500') {
    return null; // parameters are absent or NULL
  }
  var name = cut(b, algorithm.end, id.end, 0x04);
  var issuer = name && cut(b, name.end, id.end, 0x04);
  var serial = issuer && only(b, issuer.end, id.end, 0x02);
  if (!serial || serial.start === serial.end) {
    return null;
  }
  var hash = HASHES[hexOf(b, oid.start, oid.end)];
  if (hash && (name.end - name.start !== hash.size || issuer.end - issuer.start !== hash.size)) {
    return null;
  }
  var from = serial.start;
  while (serial.end - from > 1 && (b[from] === 0 && b[from + 1] < 0x80 || b[from] === 0xff && b[from + 1] >= 0x80)) {
    from++;
  }
  var key = { label: hash ? hash.label : '', issuer: hexOf(b, issuer.start, issuer.end), serial: hexOf(b, from, serial.end), several: false };
  key.whole = key.label + '/' + hexOf(b, name.start, name.end) + '/' + key.issuer + '/' + key.serial;
  return key;
}

// extensionsAreHarmless reports whether what lies between at and end is nothing,
// or extensions behind that tag of which no unknown one is critical.
function extensionsAreHarmless(b, at, end, tag) {
  if (at === end) {
    return true;
  }
  var outer = only(b, at, end, tag);
  var list = outer && only(b, outer.start, outer.end, 0x30);
  if (!list) {
    return false;
  }
  for (var next = list.start; next < list.end;) {
    var ext = cut(b, next, list.end, 0x30);
    var oid = ext && cut(b, ext.start, ext.end, 0x06);
    if (!oid) {
      return false;
    }
    var value = oid.end;
    var critical = false;
    if (b[value] === 0x01 && value < ext.end) {
      var flag = cut(b, value, ext.end, 0x01);
      if (!flag || flag.end - flag.start !== 1) {
        return false;
      }
      critical = b[flag.start] !== 0;
      value = flag.end;
    }
    if (!only(b, value, ext.end, 0x04) || critical && !isKnown(hexOf(b, oid.start, oid.end))) {
      return false;
    }
    next = ext.end;
  }
  return true;
}

// isKnown names nonce, response types, service locator and preferred signature
// algorithms: a pre-signed response cannot follow them and need not.
function isKnown(oid) {
  return oid === OCSP_ARC + '02' || oid === OCSP_ARC + '04' || oid === OCSP_ARC + '07' || oid === OCSP_ARC + '08';
}
