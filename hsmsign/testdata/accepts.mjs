// Says whether OpenSSL, as Node.js has it, accepts what an issuer signed with ML-DSA:
//   node accepts.mjs certificate|crl|ocsp ISSUER.pem FILE
//   node accepts.mjs cms ISSUER.pem FILE CONTENT
// The public key is read and the signature is checked by OpenSSL; what is signed is cut out of the DER here, by the ASN.1 of
// RFC 5280, RFC 6960 and RFC 5652. Nothing of the program under test has a part in it.
import { X509Certificate, createHash, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const oids = { "ml-dsa-44": 0x11, "ml-dsa-65": 0x12, "ml-dsa-87": 0x13 };

// Elements of DER: tag, content and all octets of each.
function elements(der) {
  const found = [];
  for (let at = 0; at < der.length; ) {
    let size = der[at + 1], begin = at + 2;
    if (size > 0x80) {
      const octets = size - 0x80;
      size = der.readUIntBE(begin, octets);
      begin += octets;
    }
    if (size === undefined || begin + size > der.length) throw new Error("not DER");
    found.push({ tag: der[at], body: der.subarray(begin, begin + size), whole: der.subarray(at, begin + size) });
    at = begin + size;
  }
  return found;
}

const inside = (e) => elements(e.body);

// The identifier is that of the key, and has no parameters (RFC 9881 section 2).
function checkAlgorithm(e, key) {
  const want = Buffer.from([0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, oids[key.asymmetricKeyType]]);
  if (!e.whole.equals(want)) throw new Error(`the algorithm is ${e.whole.toString("hex")}`);
}

function checkSignature(signed, signature, key) {
  if (!verify(null, signed, key, signature)) throw new Error("the signature does not verify");
}

// SEQUENCE { signed, algorithm, BIT STRING, … }: a certificate, a list, a basic OCSP response.
function checkSigned(der, key) {
  const [signed, algorithm, signature] = inside(elements(der)[0]);
  checkAlgorithm(algorithm, key);
  if (signature.tag !== 3 || signature.body[0] !== 0) throw new Error("no BIT STRING");
  checkSignature(signed.whole, signature.body.subarray(1), key);
  return inside(signed);
}

const checks = {
  certificate(issuer, der) {
    const certificate = new X509Certificate(der);
    if (issuer.publicKey.asymmetricKeyType in oids) checkSigned(certificate.raw, issuer.publicKey); // else OpenSSL does it alone, below
    if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) throw new Error("not of this issuer");
  },
  crl(issuer, der) {
    const fields = checkSigned(der, issuer.publicKey);
    checkAlgorithm(fields[1], issuer.publicKey);
  },
  ocsp(issuer, der) {
    const [status, bytes] = inside(elements(der)[0]);
    if (status.body[0] !== 0) throw new Error("not successful");
    const basic = inside(inside(bytes)[0])[1].body;
    const certificates = inside(elements(basic)[0])[3]; // of a delegated signer
    let key = issuer.publicKey;
    if (certificates) {
      const delegate = new X509Certificate(inside(inside(certificates)[0])[0].whole);
      checks.certificate(issuer, delegate.raw);
      key = delegate.publicKey;
    }
    checkSigned(basic, key);
  },
  cms(issuer, der, content) {
    const signedData = inside(inside(inside(elements(der)[0])[1])[0]);
    const key = inside(signedData.find((e) => e.tag === 0xa0)).map((e) => new X509Certificate(e.whole))
      .find((c) => c.checkIssued(issuer) && !c.ca).publicKey;
    const [, , digest, attributes, algorithm, signature] = inside(inside(signedData.at(-1))[0]);
    if (digest.whole.toString("hex") !== "300b0609608648016503040203") throw new Error("the digest is not SHA-512");
    checkAlgorithm(algorithm, key);
    const hash = inside(attributes).map(inside).find(([oid]) => oid.body.toString("hex") === "2a864886f70d010904");
    if (!inside(hash[1])[0].body.equals(createHash("sha512").update(content).digest())) throw new Error("of another document");
    const set = Buffer.from(attributes.whole);
    set[0] = 0x31; // RFC 5652 section 5.4
    checkSignature(set, signature.body, key);
  },
};

const [kind, issuer, ...files] = process.argv.slice(2);
try {
  const [file, ...rest] = files.map((name) => readFileSync(name));
  checks[kind](new X509Certificate(readFileSync(issuer)), file, ...rest);
  console.log("accepted");
} catch (problem) {
  console.log(`refused: ${problem.message}`);
}
