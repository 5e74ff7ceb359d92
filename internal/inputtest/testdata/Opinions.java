import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PublicKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.util.List;
import sun.security.pkcs10.PKCS10;

/** Reads every certificate, list and request of a folder and checks its signature; prints a line for each. */
public class Opinions {
    public static void main(String[] args) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        Path folder = Path.of(args[0]);
        X509Certificate ca = (X509Certificate) factory.generateCertificate(Files.newInputStream(folder.resolve("ca.der")));
        for (String line : Files.readAllLines(folder.resolve("cases"))) {
            String[] part = line.split(" ", 2);
            System.out.println(line + "\t" + judge(factory, ca, part[1], Files.readAllBytes(folder.resolve(part[0] + ".der"))));
        }
    }

    private static String judge(CertificateFactory factory, X509Certificate ca, String kind, byte[] der) {
        try {
            switch (kind) {
                case "certificate" -> {
                    X509Certificate c = (X509Certificate) factory.generateCertificate(new ByteArrayInputStream(der));
                    c.verify(ca.getPublicKey());
                    if (!c.getIssuerX500Principal().equals(ca.getSubjectX500Principal())) {
                        return "another issuer";
                    }
                }
                case "list" -> {
                    X509CRL l = (X509CRL) factory.generateCRL(new ByteArrayInputStream(der));
                    l.verify(ca.getPublicKey());
                    if (!l.getIssuerX500Principal().equals(ca.getSubjectX500Principal())) {
                        return "another issuer";
                    }
                }
                case "request" -> new PKCS10(der);
                default -> { return "no opinion"; }
            }
            return "ok";
        } catch (Exception | Error e) {
            return String.valueOf(e.getMessage()).replaceAll("\\s+", " ");
        }
    }
}
